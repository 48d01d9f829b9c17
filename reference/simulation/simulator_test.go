package simulation

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// world is a simulator on a fake API, in a bubble of its own time.
type world struct {
	t      *testing.T
	client *fake.Clientset
	begin  time.Time
	mu     sync.Mutex
	log    []string
}

// simulate runs the test beside a simulator, and has all goroutines end before it returns.
func simulate(t *testing.T, o Options, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, client: fake.NewClientset(), begin: time.Now()}
		w.client.PrependReactor("*", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
			if v := a.GetVerb(); v != "list" && v != "watch" && v != "get" {
				what := v + " " + a.GetResource().Resource
				if sub := a.GetSubresource(); sub != "" {
					what += "/" + sub
				}
				w.mu.Lock()
				w.log = append(w.log, what)
				w.mu.Unlock()
			}
			return false, nil, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if err := newSimulator(o, w.client, w.client).run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		test(w)
		cancel()
		group.Wait()
	})
}

// writes returns what was written since it was last asked, but for heartbeats.
func (w *world) writes() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	log := slices.DeleteFunc(w.log, func(s string) bool { return s == "update leases" || s == "create leases" || s == "patch nodes/status" })
	w.log = nil
	return log
}

func (w *world) beats() (leases, reports int) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.log {
		switch s {
		case "update leases", "create leases":
			leases++
		case "patch nodes/status":
			reports++
		}
	}
	w.log = nil
	return leases, reports
}

func (w *world) create(name, node string, change ...func(*corev1.Pod)) {
	w.t.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name), ResourceVersion: "1", Generation: 1},
		Spec:       corev1.PodSpec{NodeName: node, RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "main", Image: "i"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	for _, f := range change {
		f(p)
	}
	if _, err := w.client.CoreV1().Pods("default").Create(w.t.Context(), p, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pod(name string) *corev1.Pod {
	w.t.Helper()
	synctest.Wait()
	p, err := w.client.CoreV1().Pods("default").Get(w.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) wantPod(name string, phase corev1.PodPhase, ready bool) *corev1.Pod {
	w.t.Helper()
	p := w.pod(name)
	if got := shapeOf(&p.Status); got.phase != phase || got.ready != ready {
		w.t.Errorf("after %v: pod %s is %s, ready %t; wanted %s, %t", time.Since(w.begin), name, got.phase, got.ready, phase, ready)
	}
	return p
}

func testOptions(nodes int) Options {
	o := DefaultOptions()
	o.Nodes = nodes
	return o
}

func annotated(pairs ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Annotations = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			p.Annotations[pairs[i]] = pairs[i+1]
		}
	}
}

// In a period every node renews its Lease once, and at no time many do.
func TestHeartbeatsAreSpreadEvenly(t *testing.T) {
	simulate(t, testOptions(100), func(w *world) {
		nodes, err := w.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil || len(nodes.Items) != 100 {
			t.Fatalf("%d nodes, %v", len(nodes.Items), err)
		}
		w.beats()
		for i := range 20 {
			time.Sleep(2 * time.Second)
			if leases, _ := w.beats(); leases != 10 {
				t.Errorf("in the %dth two seconds %d Leases were renewed, wanted a tenth of 100", i, leases)
			}
		}
		time.Sleep(DefaultStatusReport)
		if leases, reports := w.beats(); reports < 99 || reports > 101 || leases != 1500 {
			t.Errorf("in %v there were %d renewals and %d reports", DefaultStatusReport, leases, reports)
		}
	})
}

func TestAPodTakesItsTime(t *testing.T) {
	simulate(t, testOptions(2), func(w *world) {
		w.writes()
		w.create("web", "sim-1", annotated(StartAfter, "2s", ReadyAfter, "3s"))
		w.create("elsewhere", "node-1")
		w.wantPod("web", corev1.PodPending, false)
		time.Sleep(2 * time.Second)
		p := w.wantPod("web", corev1.PodRunning, false)
		if p.Status.PodIP != "100.64.0.2" || p.Status.HostIP != "198.18.0.1" {
			t.Errorf("addresses %s on %s", p.Status.PodIP, p.Status.HostIP)
		}
		time.Sleep(3 * time.Second)
		w.wantPod("web", corev1.PodRunning, true)
		time.Sleep(time.Hour)
		want := []string{"create pods", "create pods", "patch pods/status", "patch pods/status", "patch pods/status"}
		if got := w.writes(); !slices.Equal(got, want) {
			t.Errorf("written: %v\nwanted %v", got, want)
		}
		if got := w.pod("elsewhere"); got.Status.Phase != corev1.PodPending {
			t.Errorf("a pod of another node became %s", got.Status.Phase)
		}
	})
}

func TestACrashingPodBacksOff(t *testing.T) {
	simulate(t, testOptions(1), func(w *world) {
		w.create("web", "sim-1", annotated(RunFor, "1s", ExitCode, "3"))
		time.Sleep(3 * time.Second)
		c := w.wantPod("web", corev1.PodRunning, false).Status.ContainerStatuses[0]
		if c.State.Waiting == nil || c.State.Waiting.Reason != "CrashLoopBackOff" || c.RestartCount != 1 ||
			c.State.Waiting.Message != "back-off 10s restarting failed container=main pod=web_default(web)" ||
			c.LastTerminationState.Terminated == nil || c.LastTerminationState.Terminated.ExitCode != 3 {
			t.Errorf("got %+v", c)
		}
		time.Sleep(9500 * time.Millisecond)
		p := w.wantPod("web", corev1.PodRunning, true)
		for _, c := range p.Status.Conditions {
			if c.Status == corev1.ConditionTrue && (c.Reason != "" || c.Message != "") {
				t.Errorf("condition %s is true and keeps the reason that it was not: %q %q", c.Type, c.Reason, c.Message)
			}
		}
	})
}

func TestAJobsPodsEnd(t *testing.T) {
	simulate(t, testOptions(1), func(w *world) {
		once := func(p *corev1.Pod) { p.Spec.RestartPolicy = corev1.RestartPolicyNever }
		w.create("good", "sim-1", once)
		w.create("bad", "sim-1", once, annotated(RunFor, "5s", ExitCode, "7"))
		time.Sleep(time.Second)
		w.wantPod("good", corev1.PodSucceeded, false)
		w.wantPod("bad", corev1.PodRunning, true)
		time.Sleep(4 * time.Second)
		p := w.wantPod("bad", corev1.PodFailed, false)
		if c := p.Status.ContainerStatuses[0].State.Terminated; c == nil || c.ExitCode != 7 || c.Reason != "Error" {
			t.Errorf("got %+v", c)
		}
		// Their places are free again: the next pod gets the first address.
		w.create("next", "sim-1")
		if got := w.pod("next").Status.PodIP; got != "100.64.0.2" {
			t.Errorf("next has %s", got)
		}
	})
}

// A pod that is deleted without grace is taken out by the API server itself, a moment after it has said so. Only where
// that does not come does the node ask for it.
func TestAPodDeletedWithoutGraceIsLeftToTheAPIServer(t *testing.T) {
	simulate(t, testOptions(1), func(w *world) {
		for _, name := range []string{"goes", "stays"} {
			w.create(name, "sim-1", func(p *corev1.Pod) { p.Spec.RestartPolicy = corev1.RestartPolicyNever })
		}
		time.Sleep(2 * time.Second)
		for _, name := range []string{"goes", "stays"} {
			p := w.wantPod(name, corev1.PodSucceeded, false)
			p.ResourceVersion = "1000"
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = ptr.To(metav1.Now()), ptr.To(int64(0))
			if _, err := w.client.CoreV1().Pods("default").Update(t.Context(), p, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if err := w.client.CoreV1().Pods("default").Delete(t.Context(), "goes", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.writes() // ours
		time.Sleep(forced - 2*time.Second)
		if got := w.writes(); len(got) > 0 {
			t.Errorf("wrote %q", got)
		}
		time.Sleep(4 * time.Second)
		if got := w.writes(); !slices.Equal(got, []string{"delete pods"}) {
			t.Errorf("wrote %q, wanted that one pod is deleted", got)
		}
	})
}

func TestAFullNodeRefusesPods(t *testing.T) {
	o := testOptions(1)
	o.Capacity = corev1.ResourceList{corev1.ResourcePods: *quantity(2)}
	simulate(t, o, func(w *world) {
		for _, name := range []string{"a", "b", "c"} {
			w.create(name, "sim-1")
			synctest.Wait()
		}
		p := w.wantPod("c", corev1.PodFailed, false)
		if p.Status.Reason != "OutOfpods" || p.Status.Message != "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2" {
			t.Errorf("got %q: %q", p.Status.Reason, p.Status.Message)
		}
		w.wantPod("b", corev1.PodRunning, true)
	})
}

// A silenced node does nothing, and takes everything up again when it is told to.
func TestSilence(t *testing.T) {
	simulate(t, testOptions(1), func(w *world) {
		silence := func(value any) {
			patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{Silent: value}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.client.CoreV1().Nodes().Patch(t.Context(), "sim-1", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		silence("true")
		w.create("web", "sim-1")
		w.beats()
		time.Sleep(time.Hour)
		if leases, reports := w.beats(); leases+reports > 0 {
			t.Errorf("%d renewals and %d reports of a silenced node", leases, reports)
		}
		w.wantPod("web", corev1.PodPending, false)
		silence(nil)
		w.wantPod("web", corev1.PodRunning, true)
		if leases, reports := w.beats(); leases != 1 || reports != 1 {
			t.Errorf("%d renewals and %d reports at once, wanted one each", leases, reports)
		}
	})
}

func TestNodesFallSilentByThemselves(t *testing.T) {
	o := testOptions(100)
	o.SilentShare, o.SilentAfter, o.Seed = 0.5, time.Minute, 1
	simulate(t, o, func(w *world) {
		w.beats()
		time.Sleep(time.Minute - time.Second)
		w.beats()
		time.Sleep(time.Second)
		w.beats()
		time.Sleep(DefaultLeaseRenew)
		if leases, _ := w.beats(); leases < 35 || leases > 65 {
			t.Errorf("%d of 100 nodes renew their Leases, wanted about half", leases)
		}
	})
}
