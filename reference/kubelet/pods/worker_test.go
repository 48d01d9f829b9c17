package pods

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/resize"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
	"github.com/etalon-dev/etalon/reference/kubelet/static"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// rig is a node with a fake runtime and a fake API server.
type rig struct {
	t      *testing.T
	cri    *fakeCRI
	client *fake.Clientset
	dir    string
	// seen is the node as last seen, fresh as the API server has it.
	seen, fresh *v1.Node
	mirrors     *mirrors
	versions    atomic.Int64
	*Manager
	stop func()
}

func newRig(t *testing.T, pods ...*v1.Pod) *rig {
	return newRigOn(t, nil, nil, pods...)
}

func newRigOn(t *testing.T, seen, fresh *v1.Node, pods ...*v1.Pod) *rig {
	r := &rig{t: t, cri: newFakeCRI(), client: fake.NewClientset(), dir: t.TempDir(), seen: seen, fresh: fresh, mirrors: &mirrors{said: map[types.UID]v1.PodPhase{}}}
	for _, p := range pods {
		if err := r.client.Tracker().Add(p); err != nil {
			t.Fatal(err)
		}
	}
	r.client.PrependReactor("patch", "pods", r.patch)
	r.boot(pods...)
	return r
}

// patch gives what it changes another version, as a real API server does.
func (r *rig) patch(action clienttesting.Action) (bool, apiruntime.Object, error) {
	handled, o, err := clienttesting.ObjectReaction(r.client.Tracker())(action)
	if pod, ok := o.(*v1.Pod); ok && err == nil {
		pod = pod.DeepCopy()
		pod.ResourceVersion = r.version()
		return true, pod, r.client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), pod, pod.Namespace)
	}
	return handled, o, err
}

// version is one that no object had before.
func (r *rig) version() string { return fmt.Sprint(1000 + r.versions.Add(1)) }

// boot starts an agent which knows these pods.
func (r *rig) boot(pods ...*v1.Pod) {
	ctx, cancel := context.WithCancel(r.t.Context())
	statuses := status.NewManager(r.client)
	allocations, err := resize.Open(r.dir + "/allocated_pods_state")
	if err != nil {
		r.t.Fatal(err)
	}
	r.Manager = New(ctx, Config{
		Allocations: allocations,
		Client:      r.client, Runtime: &runtime.Client{RuntimeService: r.cri, Images: fakeImages{}}, Cgroups: fakeCgroups{},
		Recorder: record.NewFakeRecorder(1000), Statuses: statuses, Mirrors: r.mirrors, Spec: spec.Node{LogsRoot: r.dir + "/logs"},
		Volumes:  volumes.New(r.dir, volumes.NewTokenCache(r.client)),
		NodeName: "n", HostIPs: []string{"192.0.2.1"},
		Node: func() *v1.Node { return r.seen }, FreshNode: func(context.Context) *v1.Node { return r.fresh }, Services: func() []*v1.Service { return nil },
	})
	for _, p := range pods {
		r.Update(p)
	}
	ended, complete := make(chan struct{}), make(chan struct{})
	close(complete)
	go statuses.Run(ctx, 1)
	go func() {
		defer close(ended)
		r.Manager.Run(ctx, complete)
	}()
	r.stop = func() {
		cancel()
		<-ended
		synctest.Wait()
	}
}

// settle lets everything happen that does not wait for longer than a second.
func (r *rig) settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// get returns the pod as the API server has it, nil if it is gone.
func (r *rig) get(name string) *v1.Pod {
	p, err := r.client.CoreV1().Pods("ns").Get(r.t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// delete marks the pod as deleted, with a grace period in seconds.
func (r *rig) delete(name string, grace int64) {
	p := r.get(name).DeepCopy()
	p.DeletionTimestamp, p.DeletionGracePeriodSeconds, p.ResourceVersion = ptr.To(metav1.Now()), &grace, r.version()
	if err := r.client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), p, p.Namespace); err != nil {
		r.t.Fatal(err)
	}
	r.Update(p)
}

func (r *rig) want(calls ...string) {
	r.t.Helper()
	if diff := cmp.Diff(calls, r.cri.said()); diff != "" {
		r.t.Errorf("calls to the runtime: -want +got:\n%s", diff)
	}
}

func simple(policy v1.RestartPolicy) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u", ResourceVersion: "1"},
		Spec: v1.PodSpec{NodeName: "n", RestartPolicy: policy, TerminationGracePeriodSeconds: ptr.To(int64(20)),
			Containers: []v1.Container{{Name: "c", Image: "example.org/x:1", ImagePullPolicy: v1.PullIfNotPresent}}},
	}
}

func TestAPodRunsAndSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyNever))
		defer r.stop()
		r.settle()
		r.want("run sandbox of p", "create c 0", "start c")
		if s := r.get("p").Status; s.Phase != v1.PodRunning || s.PodIP != "10.244.1.2" || !s.ContainerStatuses[0].Ready {
			t.Errorf("running: got %+v", s)
		}
		r.cri.exit("c", 0)
		r.settle()
		r.want("run sandbox of p", "create c 0", "start c", "stop sandbox")
		if s := r.get("p").Status; s.Phase != v1.PodSucceeded || s.ContainerStatuses[0].State.Terminated == nil {
			t.Errorf("ended: got %+v", s)
		}
		if _, err := os.Stat(r.volumes.PodDir("u")); !os.IsNotExist(err) {
			t.Errorf("its directory is still there: %v", err)
		}
	})
}

func TestAPodIsRunByTheHandlerOfItsRuntimeClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pod := simple(v1.RestartPolicyNever)
		pod.Spec.RuntimeClassName = ptr.To("confined")
		r := newRig(t, pod)
		defer r.stop()
		r.settle()
		if said := r.cri.said(); len(said) > 0 {
			t.Errorf("a pod without its class is run: %v", said)
		}
		class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "confined"}, Handler: "kata"}
		if err := r.client.Tracker().Add(class); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryPod)
		r.settle()
		r.want("run sandbox of p by kata", "create c 0", "start c")
	})
}

// Most versions of a pod are the echo of what its node said of it.
func TestANewVersionOfAPodIsNoReasonToAskTheRuntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyAlways))
		defer r.stop()
		r.settle()
		before := r.cri.reads
		for range 10 {
			p := r.get("p").DeepCopy()
			p.ResourceVersion = r.version()
			r.Update(p)
			synctest.Wait()
		}
		if r.cri.reads != before {
			t.Errorf("it was asked %d times", r.cri.reads-before)
		}
		r.cri.exit("c", 1)
		r.settle()
		if n := count(r.cri.said(), "start c"); n != 2 || r.cri.reads == before {
			t.Errorf("after the crash: started %d times, asked %d times", n, r.cri.reads-before)
		}
	})
}

func TestACrashingContainerIsRestartedWithBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyAlways))
		defer r.stop()
		r.settle()
		r.cri.exit("c", 1)
		r.settle()
		if n := count(r.cri.said(), "start c"); n != 2 {
			t.Errorf("started %d times after the first crash, want 2", n)
		}
		r.cri.exit("c", 1)
		time.Sleep(8 * time.Second)
		synctest.Wait()
		s := r.get("p").Status
		if w := s.ContainerStatuses[0].State.Waiting; w == nil || w.Reason != "CrashLoopBackOff" || s.Phase != v1.PodRunning {
			t.Errorf("8 s after the second crash: got %+v", s)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s := r.get("p").Status.ContainerStatuses[0]; s.RestartCount != 2 || s.State.Running == nil || s.LastTerminationState.Terminated == nil {
			t.Errorf("11 s after the second crash: got %+v", s)
		}
	})
}

func TestADeletedPodIsStoppedThenTakenOutOfTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyAlways))
		defer r.stop()
		r.cri.stubborn = true
		r.settle()
		r.delete("p", 20)
		time.Sleep(19 * time.Second)
		synctest.Wait()
		if r.get("p") == nil {
			t.Error("the pod is gone while its container still has a second")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.want("run sandbox of p", "create c 0", "start c", "stop c within 20", "stop sandbox")
		if got := r.get("p"); got != nil {
			t.Errorf("the pod is still there: %+v", got.Status)
		}
		r.Gone("u")
		r.settle()
		if len(r.Pods()) != 0 || len(r.cri.sandboxes)+len(r.cri.containers) != 0 {
			t.Errorf("left behind: %v, %v", r.cri.sandboxes, r.cri.containers)
		}
	})
}

func TestAForcedDeletionShortensTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyAlways))
		defer r.stop()
		r.cri.stubborn = true
		r.settle()
		r.delete("p", 20)
		r.settle()
		r.Gone("u")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		r.want("run sandbox of p", "create c 0", "start c", "stop c within 20", "stop c within 2", "stop sandbox", "remove sandbox")
	})
}

func TestANewAgentFindsItsContainersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyAlways))
		r.settle()
		before := r.cri.said()
		r.stop()
		r.boot(r.get("p"))
		defer func() { r.stop() }()
		r.settle()
		r.want(before...)
		if s := r.get("p").Status.ContainerStatuses[0]; !s.Ready || s.RestartCount != 0 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestWhatBelongsToNoPodIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyAlways))
		r.settle()
		r.stop()
		if err := os.MkdirAll(r.dir+"/logs/ns_old_u2/c", 0o755); err != nil {
			t.Fatal(err)
		}
		r.boot() // the pod was deleted while no agent ran
		defer func() { r.stop() }()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(r.cri.sandboxes)+len(r.cri.containers) != 0 {
			t.Errorf("left behind: %v, %v", r.cri.sandboxes, r.cri.containers)
		}
		if entries, _ := os.ReadDir(r.dir + "/pods"); len(entries) != 0 {
			t.Errorf("directories left behind: %v", entries)
		}
		if entries, _ := os.ReadDir(r.dir + "/logs"); len(entries) != 0 {
			t.Errorf("logs left behind: %v", entries)
		}
	})
}

func TestAPodPastItsDeadlineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := simple(v1.RestartPolicyAlways)
		p.Spec.ActiveDeadlineSeconds = ptr.To(int64(5))
		r := newRig(t, p)
		defer r.stop()
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if s := r.get("p").Status; s.Phase != v1.PodFailed || s.Reason != "DeadlineExceeded" {
			t.Errorf("got %s, %s", s.Phase, s.Reason)
		}
	})
}

func count(list []string, what string) int {
	n := 0
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

// The scheduler may know of a label that the agent has not heard of yet.
func TestAPodIsRefusedOnlyByTheNodeAsItIs(t *testing.T) {
	node := func(labels map[string]string) *v1.Node {
		return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: labels},
			Status: v1.NodeStatus{Allocatable: v1.ResourceList{v1.ResourcePods: resource.MustParse("110")}}}
	}
	for name, c := range map[string]struct {
		fresh *v1.Node
		want  v1.PodPhase
	}{
		"labelled meanwhile": {node(map[string]string{"disk": "ssd"}), v1.PodRunning},
		"not labelled":       {node(nil), v1.PodFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pod := simple(v1.RestartPolicyAlways)
				pod.Spec.NodeSelector = map[string]string{"disk": "ssd"}
				r := newRigOn(t, node(nil), c.fresh, pod)
				defer r.stop()
				r.settle()
				if s := r.get("p").Status; s.Phase != c.want {
					t.Errorf("got %s (%s), wanted %s", s.Phase, s.Reason, c.want)
				}
			})
		})
	}
}

// A resource that was advertised a moment ago is counted, though the agent has not heard of it yet.
func TestAPodIsRefusedByWhatWasAdvertisedMeanwhile(t *testing.T) {
	const unit = "example.org/unit"
	node := func(units string) *v1.Node {
		n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"},
			Status: v1.NodeStatus{Allocatable: v1.ResourceList{v1.ResourcePods: resource.MustParse("110")}}}
		if units != "" {
			n.Status.Allocatable[unit] = resource.MustParse(units)
		}
		return n
	}
	for units, want := range map[string]v1.PodPhase{"1": v1.PodFailed, "2": v1.PodRunning, "": v1.PodRunning} {
		t.Run("advertised: "+units, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pod := simple(v1.RestartPolicyAlways)
				pod.Spec.Containers[0].Resources.Requests = v1.ResourceList{unit: resource.MustParse("2")}
				r := newRigOn(t, node(""), node(units), pod)
				defer r.stop()
				r.settle()
				if s := r.get("p").Status; s.Phase != want {
					t.Errorf("got %s (%s), wanted %s", s.Phase, s.Reason, want)
				}
			})
		})
	}
}

func TestAnEphemeralContainerIsStartedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simple(v1.RestartPolicyAlways))
		r.settle()
		p := r.get("p").DeepCopy()
		p.ResourceVersion = "1000"
		p.Spec.EphemeralContainers = []v1.EphemeralContainer{{TargetContainerName: "c",
			EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug", Image: "example.org/x:1", ImagePullPolicy: v1.PullIfNotPresent}}}
		if err := r.client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), p, p.Namespace); err != nil {
			t.Fatal(err)
		}
		r.Update(p)
		r.settle()
		want := []string{"run sandbox of p", "create c 0", "start c", "create debug 0", "start debug"}
		r.want(want...)
		if got := r.cri.target("debug"); got != r.cri.id("c") {
			t.Errorf("shares the processes of %q, want those of c", got)
		}
		if s := r.get("p").Status; len(s.EphemeralContainerStatuses) != 1 || s.EphemeralContainerStatuses[0].State.Running == nil {
			t.Errorf("running: got %+v", s.EphemeralContainerStatuses)
		}
		r.stop()
		r.boot(r.get("p"))
		defer func() { r.stop() }()
		r.settle()
		r.cri.exit("debug", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		r.want(want...)
		if s := r.get("p").Status; s.Phase != v1.PodRunning || s.EphemeralContainerStatuses[0].State.Terminated == nil {
			t.Errorf("ended: got %+v", s)
		}
	})
}

// mirrors notes what is said of static pods.
type mirrors struct {
	mu   sync.Mutex
	said map[types.UID]v1.PodPhase
}

func (m *mirrors) Set(pod *v1.Pod, s v1.PodStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said[pod.UID] = s.Phase
}

func (m *mirrors) Forget(pod *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.said, pod.UID)
}

func (m *mirrors) phase(uid types.UID) v1.PodPhase {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said[uid]
}

func TestAStaticPodIsReplacedOnceItsPredecessorIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, changed := simple(v1.RestartPolicyAlways), simple(v1.RestartPolicyAlways)
		old.Annotations = map[string]string{static.SourceAnnotation: "file"}
		changed.Annotations, changed.UID = old.Annotations, "u2"
		r := newRig(t)
		defer r.stop()
		r.Update(old)
		r.settle()
		if got := r.mirrors.phase("u"); got != v1.PodRunning {
			t.Errorf("said of the first: %q", got)
		}
		r.cri.stubborn = true
		r.Gone("u")
		r.Update(changed)
		time.Sleep(19 * time.Second)
		synctest.Wait()
		start := []string{"run sandbox of p", "create c 0", "start c"}
		stop := []string{"stop c within 20", "stop sandbox", "remove sandbox"}
		r.want(append(slices.Clone(start), stop[0])...)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		r.want(slices.Concat(start, stop, start)...)
		if r.mirrors.phase("u2") != v1.PodRunning {
			t.Errorf("said: %v", r.mirrors.said)
		}
		if list, err := r.client.CoreV1().Pods("ns").List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) > 0 {
			t.Errorf("pods at the API server: %v, %v", list.Items, err)
		}
	})
}

func TestAStartIsCountedOnceAllContainersRun(t *testing.T) {
	running := v1.ContainerStatus{State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}
	for _, c := range []struct {
		name   string
		status v1.PodStatus
		want   bool
	}{
		{"pending", v1.PodStatus{Phase: v1.PodPending, ContainerStatuses: []v1.ContainerStatus{running}}, false},
		{"one of two", v1.PodStatus{Phase: v1.PodRunning, ContainerStatuses: []v1.ContainerStatus{running, {}}}, false},
		{"refused", v1.PodStatus{Phase: v1.PodFailed}, false},
		{"all", v1.PodStatus{Phase: v1.PodRunning, ContainerStatuses: []v1.ContainerStatus{running, running}}, true},
	} {
		w := &worker{pod: &v1.Pod{}}
		if w.measure(&c.status, time.Now()); w.measured != c.want {
			t.Errorf("%s: counted %v", c.name, w.measured)
		}
	}
}

func TestAllContainersAreRestartedInTheirSandbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := simple(v1.RestartPolicyNever)
		p.Spec.InitContainers = []v1.Container{{Name: "i", Image: "example.org/x:1", ImagePullPolicy: v1.PullIfNotPresent}}
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: "d", Image: "example.org/x:1", ImagePullPolicy: v1.PullIfNotPresent})
		p.Spec.Containers[0].RestartPolicy = ptr.To(v1.ContainerRestartPolicyNever)
		p.Spec.Containers[0].RestartPolicyRules = []v1.ContainerRestartRule{{Action: v1.ContainerRestartRuleActionRestartAllContainers,
			ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}}}}
		r := newRig(t, p)
		defer r.stop()
		r.settle()
		r.cri.exit("i", 0)
		r.settle()
		want := []string{"run sandbox of p", "create i 0", "start i", "create c 0", "start c", "create d 0", "start d"}
		r.want(want...)
		r.cri.exit("c", 42)
		r.settle()
		want = append(want, "stop d within 0", "create i 1", "start i")
		r.want(want...)
		restarting := func() v1.ConditionStatus {
			for _, c := range r.get("p").Status.Conditions {
				if c.Type == v1.AllContainersRestarting {
					return c.Status
				}
			}
			return "unknown"
		}
		if s := r.get("p").Status; restarting() != v1.ConditionFalse || s.Phase != v1.PodPending || s.ContainerStatuses[1].LastTerminationState.Terminated == nil {
			t.Errorf("the init container runs again: %s, %+v", restarting(), s)
		}
		r.cri.exit("i", 0)
		r.settle()
		want = append(want, "create c 1", "start c", "create d 1", "start d")
		r.want(want...)
		s := r.get("p").Status
		if s.Phase != v1.PodRunning || s.ContainerStatuses[0].RestartCount != 1 || s.ContainerStatuses[1].RestartCount != 1 || s.InitContainerStatuses[0].RestartCount != 1 {
			t.Errorf("all run again: %+v", s)
		}
		r.cri.exit("c", 0)
		r.cri.exit("d", 0)
		r.settle()
		if s := r.get("p").Status; s.Phase != v1.PodSucceeded {
			t.Errorf("all ended well: %s", s.Phase)
		}
	})
}
