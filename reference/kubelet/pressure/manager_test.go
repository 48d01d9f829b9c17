package pressure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// stand is a node with so much memory, whose pods use so much.
type stand struct {
	t       *testing.T
	root    string
	pods    []*v1.Pod
	memory  map[string]uint64
	layer   map[string]uint64
	evicted []string
	graces  []int64
	why     []string
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, root: t.TempDir(), memory: map[string]uint64{}, layer: map[string]uint64{}}
	s.free(900)
	return s
}

// free sets how many MiB of 1000 are free.
func (s *stand) free(mib int) {
	s.write("meminfo", fmt.Sprintf("MemTotal: %d kB\nMemFree: %d kB\nInactive(file): %d kB\n", 1000<<10, mib<<9, mib<<9))
}

func (s *stand) write(file, text string) {
	file = filepath.Join(s.root, file)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) add(name string, priority int32, request string, memory uint64) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID(name)}, Spec: v1.PodSpec{Priority: ptr.To(priority), Containers: []v1.Container{{
		Name: "c", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceMemory: resource.MustParse(request)}},
	}}}}
	s.pods = append(s.pods, pod)
	s.memory[name] = memory << 20
	return pod
}

func (s *stand) Active() []*v1.Pod { return s.pods }

func (s *stand) End(uid types.UID, why *status.Verdict, grace *int64) {
	s.evicted, s.graces, s.why = append(s.evicted, string(uid)), append(s.graces, *grace), append(s.why, why.Message)
	if why.Reason != "Evicted" || why.Disruption != v1.PodReasonTerminationByKubelet {
		s.t.Errorf("the verdict is %+v", why)
	}
}

// gone takes the pod away, as its worker does in the end.
func (s *stand) gone(name string) {
	for i, p := range s.pods {
		if p.Name == name {
			s.pods = append(s.pods[:i:i], s.pods[i+1:]...)
			return
		}
	}
}

func (s *stand) ListContainerStats(_ context.Context, f *criv1.ContainerStatsFilter) ([]*criv1.ContainerStats, error) {
	var out []*criv1.ContainerStats
	for _, p := range s.pods {
		if uid := f.GetLabelSelector()[runtime.PodUIDLabel]; uid != "" && uid != string(p.UID) {
			continue
		}
		out = append(out, &criv1.ContainerStats{
			Attributes:    &criv1.ContainerAttributes{Labels: map[string]string{runtime.PodUIDLabel: string(p.UID), runtime.ContainerNameLabel: "c"}},
			Memory:        &criv1.MemoryUsage{WorkingSetBytes: &criv1.UInt64Value{Value: s.memory[p.Name]}},
			WritableLayer: &criv1.FilesystemUsage{UsedBytes: &criv1.UInt64Value{Value: s.layer[p.Name]}},
		})
	}
	return out, nil
}

func (s *stand) ImageFsInfo(context.Context) (*criv1.ImageFsInfoResponse, error) {
	return &criv1.ImageFsInfoResponse{}, nil
}

func (s *stand) manager(c kubeletv1beta1.KubeletConfiguration) (*Manager, *record.FakeRecorder) {
	thresholds, err := eviction.Thresholds(&c)
	if err != nil {
		s.t.Fatal(err)
	}
	recorder := record.NewFakeRecorder(100)
	return New(s.t.Context(), Config{
		Places: Places{Proc: s.root, Cgroup: filepath.Join(s.root, "cgroup"), Root: s.root}, Thresholds: thresholds, Transition: 5 * time.Minute, SoftGrace: 7,
		LogsRoot: filepath.Join(s.root, "logs"), Pods: s, Runtime: s, Images: s, Recorder: recorder, Node: &v1.ObjectReference{Kind: "Node", Name: "n"},
	}), recorder
}

var hard = kubeletv1beta1.KubeletConfiguration{EvictionHard: map[string]string{"memory.available": "100Mi"}}

func TestOnePodAtATimeUntilThereIsEnough(t *testing.T) {
	s := newStand(t)
	s.add("modest", 0, "500Mi", 100)
	s.add("greedy", 0, "100Mi", 500)
	s.add("system", 2_000_000_000, "0", 600)
	s.add("careless", 0, "100Mi", 200)
	m, recorder := s.manager(hard)
	now := time.Now()
	m.look(t.Context(), now)
	if len(s.evicted)+len(m.Conditions()) != 0 {
		t.Fatalf("with enough memory: evicted %v, %v", s.evicted, m.Conditions())
	}
	s.free(99)
	for range 3 {
		m.look(t.Context(), now)
	}
	if strings.Join(s.evicted, " ") != "greedy" || s.graces[0] != 1 {
		t.Fatalf("evicted %v with grace %v, want greedy alone at once", s.evicted, s.graces)
	}
	want := "The node was low on resource: memory. Threshold quantity: 100Mi, available: 99Mi. Container c was using 500Mi, request is 100Mi, has larger consumption of memory. "
	if s.why[0] != want {
		t.Errorf("got %q, want %q", s.why[0], want)
	}
	if got := fmt.Sprint(m.Conditions()); got != "[MemoryPressure]" {
		t.Errorf("conditions %s", got)
	}
	for _, e := range []string{"Warning EvictionThresholdMet Attempting to reclaim memory", "Warning Evicted " + want} {
		if got := <-recorder.Events; !strings.HasPrefix(got, e) {
			t.Errorf("got event %q, want %q", got, e)
		}
	}
	m.look(t.Context(), now.Add(leavingFor))
	if strings.Join(s.evicted, " ") != "greedy greedy" {
		t.Fatalf("a pod that does not leave is not waited for for ever: evicted %v", s.evicted)
	}
	s.gone("greedy")
	m.look(t.Context(), now.Add(leavingFor))
	s.gone("careless")
	m.look(t.Context(), now.Add(leavingFor))
	s.gone("modest")
	m.look(t.Context(), now.Add(leavingFor))
	if strings.Join(s.evicted, " ") != "greedy greedy careless modest" {
		t.Fatalf("evicted %v", s.evicted)
	}
	s.free(100)
	m.look(t.Context(), now.Add(leavingFor))
	if len(s.evicted) != 4 || len(m.Conditions()) != 1 {
		t.Errorf("enough again: evicted %v, %v", s.evicted, m.Conditions())
	}
}

func TestSoftThresholdsGiveGrace(t *testing.T) {
	s := newStand(t)
	s.add("p", 0, "0", 10)
	m, _ := s.manager(kubeletv1beta1.KubeletConfiguration{
		EvictionSoft: map[string]string{"memory.available": "50%"}, EvictionSoftGracePeriod: map[string]string{"memory.available": "1m"},
	})
	s.free(400)
	now := time.Now()
	m.look(t.Context(), now)
	if len(s.evicted) != 0 || len(m.Conditions()) != 1 {
		t.Fatalf("evicted %v, %v", s.evicted, m.Conditions())
	}
	m.look(t.Context(), now.Add(time.Minute))
	if len(s.evicted) != 1 || s.graces[0] != 7 {
		t.Fatalf("evicted %v with grace %v", s.evicted, s.graces)
	}
}

func TestWhatNobodyNeedsGoesBeforePods(t *testing.T) {
	s := newStand(t)
	s.add("p", 0, "0", 10)
	m, _ := s.manager(kubeletv1beta1.KubeletConfiguration{EvictionHard: map[string]string{"memory.available": "100Mi", "nodefs.available": "99.999999%"}})
	reclaimed := 0
	m.Reclaim = func(context.Context, eviction.Signal) {
		reclaimed++
		m.Places.Root = filepath.Join(s.root, "nowhere") // nothing is short there
	}
	m.look(t.Context(), time.Now())
	if reclaimed != 1 || len(s.evicted) != 0 {
		t.Errorf("reclaimed %d times, evicted %v", reclaimed, s.evicted)
	}
	s.free(1)
	m.look(t.Context(), time.Now())
	if reclaimed != 1 || len(s.evicted) != 1 {
		t.Errorf("there is no memory to reclaim: reclaimed %d times, evicted %v", reclaimed, s.evicted)
	}
}

func TestLocalStorageIsMeasured(t *testing.T) {
	s := newStand(t)
	m, recorder := s.manager(hard)
	size := resource.MustParse("64Ki")
	pod := s.add("p", 0, "0", 0)
	pod.Spec.Volumes = []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{SizeLimit: &size}}}}
	dir := "pods/p/volumes/kubernetes.io~empty-dir/v/"
	s.write(dir+"a/b", "small")
	m.measure(t.Context(), pod)
	if len(s.evicted) != 0 {
		t.Fatalf("evicted %v", s.why)
	}
	s.write(dir+"a/c", strings.Repeat("x", 65<<10))
	m.measure(t.Context(), pod)
	want := `Usage of EmptyDir volume "v" exceeds the limit "64Ki". `
	if len(s.evicted) != 1 || s.why[0] != want || s.graces[0] != 1 {
		t.Fatalf("evicted %v with %v", s.evicted, s.why)
	}
	if got := <-recorder.Events; !strings.HasPrefix(got, "Warning Evicted "+want) {
		t.Errorf("got event %q", got)
	}
	limited := s.add("q", 0, "0", 0)
	limited.Spec.Containers[0].Resources.Limits = v1.ResourceList{v1.ResourceEphemeralStorage: resource.MustParse("100Ki")}
	s.layer["q"] = 60 << 10
	s.write("logs/ns_q_q/c/0.log", strings.Repeat("x", 30<<10))
	m.measure(t.Context(), limited)
	if len(s.evicted) != 1 {
		t.Fatalf("evicted %v", s.why)
	}
	s.write("logs/ns_q_q/c/0.log.2026", strings.Repeat("x", 11<<10))
	m.measure(t.Context(), limited)
	if len(s.evicted) != 2 || s.why[1] != "Pod ephemeral local storage usage exceeds the total limit of containers 100Ki. " {
		t.Fatalf("evicted %v", s.why)
	}
}
