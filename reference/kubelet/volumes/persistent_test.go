package volumes

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
)

// claims are those that a test's API server has.
type claims struct {
	claims  map[string]*v1.PersistentVolumeClaim
	volumes map[string]*v1.PersistentVolume
}

func (c claims) Claim(_ context.Context, _, name string) (*v1.PersistentVolumeClaim, error) {
	if found := c.claims[name]; found != nil {
		return found, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "persistentvolumeclaims"}, name)
}

func (c claims) Volume(_ context.Context, name string) (*v1.PersistentVolume, error) {
	if found := c.volumes[name]; found != nil {
		return found, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "persistentvolumes"}, name)
}

// bound are a claim, data, and its volume, pv, of the source.
func bound(s v1.PersistentVolumeSource) claims {
	return claims{
		claims: map[string]*v1.PersistentVolumeClaim{"data": {
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data", UID: "c"},
			Spec:       v1.PersistentVolumeClaimSpec{VolumeName: "pv"},
			Status:     v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound},
		}},
		volumes: map[string]*v1.PersistentVolume{"pv": {
			ObjectMeta: metav1.ObjectMeta{Name: "pv"},
			Spec:       v1.PersistentVolumeSpec{PersistentVolumeSource: s, ClaimRef: &v1.ObjectReference{UID: "c"}},
		}},
	}
}

func hostSource(path string) v1.PersistentVolumeSource {
	return v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: path}}
}

// using is a pod, of that uid, with the claim mounted.
func using(uid types.UID, claim string) *v1.Pod {
	pod := withVolumes(v1.Volume{Name: "v", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}})
	pod.UID = uid
	pod.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "v", MountPath: "/data"}}
	return pod
}

func TestWhatClaimsArePodsWaitFor(t *testing.T) {
	now := metav1.Now()
	const before = "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: "
	for name, c := range map[string]struct {
		change func(*v1.PersistentVolumeClaim, *v1.PersistentVolume, *v1.Pod)
		want   string
	}{
		"bound": {func(*v1.PersistentVolumeClaim, *v1.PersistentVolume, *v1.Pod) {}, ""},
		"missing": {func(_ *v1.PersistentVolumeClaim, _ *v1.PersistentVolume, p *v1.Pod) {
			p.Spec.Volumes[0].PersistentVolumeClaim.ClaimName = "none"
		}, before + `error processing PVC ns/none: failed to fetch PVC from API server: persistentvolumeclaims "none" not found`},
		"not bound": {func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume, _ *v1.Pod) { c.Status.Phase = v1.ClaimPending },
			before + "error processing PVC ns/data: PVC is not bound"},
		"going": {func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume, _ *v1.Pod) { c.DeletionTimestamp = &now },
			before + "error processing PVC ns/data: PVC is being deleted"},
		"another's volume": {func(_ *v1.PersistentVolumeClaim, v *v1.PersistentVolume, _ *v1.Pod) { v.Spec.ClaimRef.UID = "x" },
			before + "error processing PVC ns/data: found PV object pv but its pv.Spec.ClaimRef.UID x does not point to claim.UID c"},
		"a device mounted": {func(_ *v1.PersistentVolumeClaim, v *v1.PersistentVolume, _ *v1.Pod) {
			v.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock)
		}, before + "volume v has volumeMode Block, but is specified in volumeMounts"},
		"another pod's ephemeral claim": {func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume, p *v1.Pod) {
			c.OwnerReferences = []metav1.OwnerReference{{UID: "other", Controller: ptr.To(true)}}
			p.Name, p.Spec.Volumes[0].Name, p.Spec.Containers[0].VolumeMounts[0].Name = "d", "ata", "ata"
			p.Spec.Volumes[0].VolumeSource = v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}
		}, ""},
		"out of reach": {func(_ *v1.PersistentVolumeClaim, v *v1.PersistentVolume, _ *v1.Pod) {
			v.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{
				{MatchExpressions: []v1.NodeSelectorRequirement{{Key: "host", Operator: v1.NodeSelectorOpIn, Values: []string{"b"}}}}}}}
		}, `MountVolume.NodeAffinity check failed for volume "pv" : no matching NodeSelectorTerms`},
	} {
		t.Run(name, func(t *testing.T) {
			m, api, pod := New(t.TempDir(), nil), bound(hostSource(t.TempDir())), using("u", "data")
			c.change(api.claims["data"], api.volumes["pv"], pod)
			if pod.Spec.Volumes[0].Ephemeral != nil {
				api.claims["d-ata"] = api.claims["data"]
				c.want = "Unable to attach or mount volumes: unmounted volumes=[ata], unattached volumes=[], failed to process volumes=[ata]: " +
					"PVC ns/data was not created for pod ns/d (pod is not owner)"
			}
			m.Claims, m.Node = api, func() *v1.Node {
				return &v1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"host": "a"}}}
			}
			err := m.Mount(t.Context(), env.Source{Pod: pod})
			if got := text(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAVolumeForOnePodIsNotGivenToASecond(t *testing.T) {
	root, api := t.TempDir(), bound(hostSource(t.TempDir()))
	api.volumes["pv"].Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOncePod}
	m := New(root, nil)
	m.Claims = api
	must(t, m.Mount(t.Context(), env.Source{Pod: using("a", "data")}))
	// An agent that was started anew knows it too.
	m = New(root, nil)
	m.Claims = api
	must(t, m.Mount(t.Context(), env.Source{Pod: using("a", "data")}))
	err := m.Mount(t.Context(), env.Source{Pod: using("b", "data")})
	if want := `MountVolume.SetUp failed for volume "pv" : volume uses the ReadWriteOncePod access mode and is already in use by another pod`; text(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	must(t, m.Remove(t.Context(), "a"))
	must(t, m.Mount(t.Context(), env.Source{Pod: using("b", "data")}))
}

func TestALocalVolumeIsTakenDownByWhatIsOnTheNode(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount")
	}
	root, disk := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(disk, "x"), nil, 0o600))
	m := New(root, nil)
	t.Cleanup(func() { unmountBelow(root) })
	m.Claims = bound(v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: disk}})
	pod := using("u", "data")
	pod.Spec.SecurityContext = &v1.PodSecurityContext{FSGroup: ptr.To(int64(7))}
	for range 2 {
		must(t, m.Mount(t.Context(), env.Source{Pod: pod}))
	}
	binds, err := m.Binds(pod, &pod.Spec.Containers[0], 0, nil, "")
	must(t, err)
	want := filepath.Join(root, "pods/u/volumes/kubernetes.io~local-volume/pv")
	if binds[0].HostPath != want {
		t.Fatalf("the container gets %s, want %s", binds[0].HostPath, want)
	}
	info, err := os.Stat(filepath.Join(want, "x"))
	must(t, err)
	if groupOf(info) != 7 {
		t.Errorf("the file's group: got %d, want 7", groupOf(info))
	}
	// The API server is away and has forgotten the claim; the agent is new.
	m = New(root, nil)
	must(t, m.Mount(t.Context(), env.Source{Pod: pod}))
	must(t, m.Remove(t.Context(), "u"))
	if _, err := os.Stat(m.PodDir("u")); !os.IsNotExist(err) {
		t.Errorf("the pod's directory is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(disk, "x")); err != nil {
		t.Errorf("the volume's content: %v", err)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	if strings.Contains(string(mounts), root) {
		t.Errorf("something is still mounted below %s", root)
	}
}

// attachable is a plugin whose volumes need attaching; it counts.
type attachable struct{ up, down, last int }

func (*attachable) Name() string                              { return "kubernetes.io/csi" }
func (*attachable) Handles(s *v1.PersistentVolumeSource) bool { return s.CSI != nil }
func (*attachable) UniqueName(r *Record) v1.UniqueVolumeName {
	return v1.UniqueVolumeName("csi^" + r.Name)
}
func (a *attachable) SetUp(_ context.Context, _ *Record, dir string) (string, error) {
	a.up++
	return dir, nil
}
func (a *attachable) TearDown(_ context.Context, _ *Record, _ string, last bool) error {
	a.down++
	if last {
		a.last++
	}
	return nil
}

func TestAVolumeIsInUseFromBeforeItIsMountedUntilTheLastPodIsGone(t *testing.T) {
	a, m := &attachable{}, New(t.TempDir(), nil)
	m.Claims, m.Plugins = bound(v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{}}), []Plugin{a}
	told, left := 0, 0
	m.ReportInUse = func(context.Context) error {
		if a.down > 0 {
			if left++; len(m.InUse()) != 0 {
				t.Errorf("told after the last pod: %v", m.InUse())
			}
			return nil
		}
		if told++; a.up >= told || len(m.InUse()) != 1 {
			t.Errorf("told of %v after %d were set up", m.InUse(), a.up)
		}
		return nil
	}
	for _, uid := range []types.UID{"a", "b"} {
		must(t, m.Mount(t.Context(), env.Source{Pod: using(uid, "data")}))
	}
	for _, uid := range []types.UID{"a", "b"} {
		if got := m.InUse(); len(got) != 1 || got[0] != "csi^pv" {
			t.Errorf("in use: got %v", got)
		}
		must(t, m.Remove(t.Context(), uid))
	}
	if told != 2 || left != 1 || a.up != 2 || a.down != 2 || a.last != 1 || len(m.InUse()) != 0 {
		t.Errorf("told %d and %d, set up %d, taken down %d, of these the last %d; in use %v", told, left, a.up, a.down, a.last, m.InUse())
	}
}

func TestABrokenRecordDoesNotKeepThePodOnTheNode(t *testing.T) {
	m := New(t.TempDir(), nil)
	m.Claims = bound(hostSource(t.TempDir()))
	must(t, m.Mount(t.Context(), env.Source{Pod: using("a", "data")}))
	must(t, os.WriteFile(m.recordFile("a", "v"), []byte("{"), 0o600))
	must(t, m.Mount(t.Context(), env.Source{Pod: using("b", "data")}))
	for _, uid := range []types.UID{"a", "b"} {
		must(t, m.Remove(t.Context(), uid))
		if _, err := os.Stat(m.PodDir(uid)); !os.IsNotExist(err) {
			t.Errorf("pod %s is still there: %v", uid, err)
		}
	}
}
