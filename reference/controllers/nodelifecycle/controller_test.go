package nodelifecycle

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

// Two nodes, one of which falls silent: it becomes Unknown and tainted, and its
// ready pod is marked not ready at once.
func TestSilentNode(t *testing.T) {
	node := newNode("node-1", corev1.ConditionTrue)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       corev1.PodSpec{NodeName: "node-1"},
		Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	elsewhere := pod.DeepCopy()
	elsewhere.Name, elsewhere.Spec.NodeName = "other", "node-2"
	client := fake.NewClientset(node, newNode("node-2", corev1.ConditionTrue), pod, elsewhere)
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	c := New(client, shared, recorder, Default())
	now := t0
	c.now = func() time.Time { return now }
	controllertest.Start(t, shared)
	key := types.NamespacedName{Name: "node-1"}

	next, err := c.Reconcile(t.Context(), key)
	if err != nil || next != 50*time.Second {
		t.Fatalf("look again in %s, error %v; want 50 s", next, err)
	}
	now = t0.Add(49 * time.Second)
	if next, err := c.Reconcile(t.Context(), key); err != nil || next != time.Second {
		t.Fatalf("look again in %s, error %v; want 1 s", next, err)
	}
	now = t0.Add(50 * time.Second)
	if _, err := c.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	got, err := client.CoreV1().Nodes().Get(t.Context(), "node-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if readiness(got) != corev1.ConditionUnknown {
		t.Errorf("conditions %+v", got.Status.Conditions)
	}
	if !has(got.Spec.Taints, corev1.TaintNodeUnreachable, corev1.TaintEffectNoSchedule) ||
		has(got.Spec.Taints, corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute) {
		t.Errorf("taints %+v; want only new pods kept away at first", got.Spec.Taints)
	}
	for name, want := range map[string]corev1.ConditionStatus{"web": corev1.ConditionFalse, "other": corev1.ConditionTrue} {
		pod, err := client.CoreV1().Pods("default").Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || pod.Status.Conditions[0].Status != want {
			t.Errorf("pod %s: %+v, error %v; want Ready %s", name, pod.Status.Conditions, err, want)
		}
	}
	if evict, wait := c.eviction(got); evict != "" || wait != 5*time.Second {
		t.Errorf("evicts %q, asks again in %s; want to know first how the others fare", evict, wait)
	}
	now = now.Add(5 * time.Second)
	if evict, _ := c.eviction(got); evict != corev1.TaintNodeUnreachable {
		t.Errorf("evicts %q after 5 s", evict)
	}
	want := []string{
		"Normal RegisteredNode Node node-1 event: Registered Node node-1 in Controller",
		"Normal NodeNotReady Node node-1 status is now: NodeNotReady",
		"Warning NodeNotReady Node is not ready",
	}
	if got := events(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// A node that takes another one's place under its name has not been silent for as long.
func TestAReplacedNodeBeginsAnew(t *testing.T) {
	client := fake.NewClientset()
	recorder, _ := controllertest.Recorder()
	c := New(client, informers.NewSharedInformerFactory(client, 0), recorder, Default())
	now := t0
	c.now = func() time.Time { return now }
	first, second := newNode("node-1", corev1.ConditionUnknown), newNode("node-1", "")
	first.UID, second.UID = "first", "second"
	c.watchOver(first, nil)
	now = t0.Add(time.Hour)
	if silence := c.watchOver(first, nil); silence != time.Hour {
		t.Errorf("the first one is silent for %s", silence)
	}
	if silence := c.watchOver(second, nil); silence != 0 {
		t.Errorf("the second one is silent for %s", silence)
	}
}
