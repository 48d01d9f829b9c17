package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// patience bounds every wait for something that should happen soon.
const patience = 30 * time.Second

func node(name, cpu string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}}}
}

func pod(name, cpu string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec: corev1.PodSpec{SchedulerName: corev1.DefaultSchedulerName, Containers: []corev1.Container{{
			Name: "main", Image: "etalon.dev/tool:v1",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
		}}},
	}
}

// fakeCluster is a client whose API server binds pods; bindings may be refused by refuse.
func fakeCluster(refuse func(*corev1.Binding) error, objects ...runtime.Object) kubernetes.Interface {
	client := fake.NewClientset(objects...)
	client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetSubresource() != "binding" {
			return false, nil, nil
		}
		b := a.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
		if err := refuse(b); err != nil {
			return true, nil, err
		}
		pods := corev1.SchemeGroupVersion.WithResource("pods")
		o, err := client.Tracker().Get(pods, b.Namespace, b.Name)
		if err != nil {
			return true, nil, err
		}
		p := o.(*corev1.Pod).DeepCopy()
		p.Spec.NodeName = b.Target.Name
		return true, b, client.Tracker().Update(pods, p, b.Namespace)
	})
	return client
}

func accept(*corev1.Binding) error { return nil }

func run(t *testing.T, client kubernetes.Interface) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- work(ctx, Options{SchedulerName: corev1.DefaultSchedulerName, Seed: 1}, client) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ctx
}

// await waits until a pod is as wanted and returns it.
func await(ctx context.Context, t *testing.T, client kubernetes.Interface, name, what string, ok func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var last *corev1.Pod
	err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		p, err := client.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		last = p
		return ok(p), nil
	})
	if err != nil {
		t.Fatalf("pod %s should be %s: %v; it is on %q with conditions %+v", name, what, err, last.Spec.NodeName, last.Status.Conditions)
	}
	return last
}

func bound(p *corev1.Pod) bool { return p.Spec.NodeName != "" }

func scheduledCondition(p *corev1.Pod) corev1.PodCondition {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c
		}
	}
	return corev1.PodCondition{}
}

func unschedulable(p *corev1.Pod) bool {
	return scheduledCondition(p).Reason == corev1.PodReasonUnschedulable
}

func create(ctx context.Context, t *testing.T, client kubernetes.Interface, pods ...*corev1.Pod) {
	t.Helper()
	for _, p := range pods {
		if _, err := client.CoreV1().Pods("default").Create(ctx, p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// event waits for an event about a pod.
func event(ctx context.Context, t *testing.T, client kubernetes.Interface, pod, reason string) eventsv1.Event {
	t.Helper()
	var found eventsv1.Event
	err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		list, err := client.EventsV1().Events("default").List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, e := range list.Items {
			if e.Regarding.Name == pod && e.Reason == reason {
				found = e
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("no event %s of pod %s: %v", reason, pod, err)
	}
	return found
}

func TestPodIsBound(t *testing.T) {
	client := fakeCluster(accept, node("node-1", "4"))
	ctx := run(t, client)
	create(ctx, t, client, pod("web", "1"))
	await(ctx, t, client, "web", "bound", bound)
	e := event(ctx, t, client, "web", "Scheduled")
	if e.Note != "Successfully assigned default/web to node-1" || e.Action != "Binding" || e.ReportingController != "default-scheduler" || e.Type != "Normal" {
		t.Errorf("got event %+v", e)
	}
}

func TestUnschedulableUntilANodeComes(t *testing.T) {
	client := fakeCluster(accept, node("node-1", "1"))
	ctx := run(t, client)
	create(ctx, t, client, pod("large", "2"))
	p := await(ctx, t, client, "large", "unschedulable", unschedulable)
	want := "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
	if got := scheduledCondition(p).Message; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if e := event(ctx, t, client, "large", "FailedScheduling"); e.Note != want || e.Action != "Scheduling" || e.Type != "Warning" {
		t.Errorf("got event %+v", e)
	}
	if _, err := client.CoreV1().Nodes().Create(ctx, node("node-2", "4"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if p := await(ctx, t, client, "large", "bound", bound); p.Spec.NodeName != "node-2" {
		t.Errorf("bound to %s", p.Spec.NodeName)
	}
}

func TestUnschedulableUntilAPodGoes(t *testing.T) {
	client := fakeCluster(accept, node("node-1", "1"))
	ctx := run(t, client)
	create(ctx, t, client, pod("first", "1"))
	await(ctx, t, client, "first", "bound", bound)
	create(ctx, t, client, pod("second", "1"))
	await(ctx, t, client, "second", "unschedulable", unschedulable)
	if err := client.CoreV1().Pods("default").Delete(ctx, "first", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, client, "second", "bound", bound)
}

func TestGatedPodIsLeftAlone(t *testing.T) {
	client := fakeCluster(accept, node("node-1", "4"))
	ctx := run(t, client)
	gated := pod("gated", "1")
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/wait"}}
	create(ctx, t, client, gated)
	p := await(ctx, t, client, "gated", "gated", func(p *corev1.Pod) bool {
		return scheduledCondition(p).Reason == corev1.PodReasonSchedulingGated
	})
	if bound(p) || scheduledCondition(p).Status != corev1.ConditionFalse {
		t.Errorf("gated pod: %+v", p)
	}
	p.Spec.SchedulingGates = nil
	if _, err := client.CoreV1().Pods("default").Update(ctx, p, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, client, "gated", "bound", bound)
}

func TestPodsOfOtherSchedulersAreLeftAlone(t *testing.T) {
	client := fakeCluster(accept, node("node-1", "4"))
	ctx := run(t, client)
	other := pod("other", "1")
	other.Spec.SchedulerName = "another"
	create(ctx, t, client, other, pod("ours", "1"))
	await(ctx, t, client, "ours", "bound", bound)
	if p, err := client.CoreV1().Pods("default").Get(ctx, "other", metav1.GetOptions{}); err != nil || bound(p) || len(p.Status.Conditions) > 0 {
		t.Errorf("pod of another scheduler: %+v, %v", p, err)
	}
}

func TestRefusedBindingIsTriedAgain(t *testing.T) {
	var tries atomic.Int32
	client := fakeCluster(func(*corev1.Binding) error {
		if tries.Add(1) == 1 {
			return errors.New("the API server is out of sorts")
		}
		return nil
	}, node("node-1", "1"))
	ctx := run(t, client)
	create(ctx, t, client, pod("web", "1")) // fits only if the first placement is taken back
	await(ctx, t, client, "web", "bound", bound)
	if e := event(ctx, t, client, "web", "FailedScheduling"); !strings.Contains(e.Note, "out of sorts") {
		t.Errorf("got event %+v", e)
	}
}

func TestImportantPodsFirst(t *testing.T) {
	client := fakeCluster(accept)
	ctx := run(t, client)
	for i := range 3 {
		p := pod(fmt.Sprintf("p%d", i), "1")
		priority := int32(i)
		p.Spec.Priority = &priority
		create(ctx, t, client, p)
		await(ctx, t, client, p.Name, "unschedulable", unschedulable)
	}
	if _, err := client.CoreV1().Nodes().Create(ctx, node("node-1", "1"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, client, "p2", "bound", bound)
	for _, name := range []string{"p0", "p1"} {
		await(ctx, t, client, name, "without room", func(p *corev1.Pod) bool {
			return strings.Contains(scheduledCondition(p).Message, "Insufficient cpu")
		})
	}
}
