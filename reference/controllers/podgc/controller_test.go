package podgc

import (
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func newPod(name, node string, phase corev1.PodPhase, age time.Duration) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1e9, 0).Add(-age))},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

func names(pods []*corev1.Pod) []string {
	var all []string
	for _, pod := range pods {
		all = append(all, pod.Name)
	}
	return all
}

func TestFinishedSurplus(t *testing.T) {
	evicted := newPod("evicted", "n", corev1.PodFailed, time.Minute)
	evicted.Status.Reason = "Evicted"
	pods := []*corev1.Pod{
		newPod("running", "n", corev1.PodRunning, 9*time.Hour),
		newPod("young", "n", corev1.PodSucceeded, time.Hour),
		newPod("old", "n", corev1.PodFailed, 5*time.Hour),
		evicted,
	}
	for threshold, want := range map[int][]string{0: nil, 1: {"evicted", "old"}, 2: {"evicted"}, 3: nil, 100: nil} {
		if got := names(finishedSurplus(pods, threshold)); !slices.Equal(got, want) {
			t.Errorf("of a threshold of %d the surplus is %v, want %v", threshold, got, want)
		}
	}
}

func TestOutOfService(t *testing.T) {
	dead := &corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: corev1.TaintNodeOutOfService}}}}
	going := newPod("going", "dead", corev1.PodRunning, 0)
	going.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	got := outOfService([]*corev1.Pod{going, newPod("staying", "dead", corev1.PodRunning, 0)}, map[string]*corev1.Node{"dead": dead})
	if !slices.Equal(names(got), []string{"going"}) {
		t.Errorf("out of service: %v, want the terminating pod", names(got))
	}
}

func TestRemovesPodsOfANodeThatIsGone(t *testing.T) {
	client := fake.NewClientset(
		newPod("lost", "gone", corev1.PodRunning, 0),
		newPod("safe", "node-1", corev1.PodRunning, 0),
		newPod("waiting", "", corev1.PodPending, 0),
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}},
	)
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared, DefaultThreshold, DefaultQuarantine)
	now := time.Unix(1e9, 0)
	c.now = func() time.Time { return now }
	controllertest.Start(t, shared)
	left := func() []string {
		list, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for i := range list.Items {
			all = append(all, list.Items[i].Name)
		}
		return all
	}
	if _, err := c.Reconcile(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	if got := left(); len(got) != 3 {
		t.Fatalf("left before the quarantine is over: %v", got)
	}
	now = now.Add(DefaultQuarantine)
	if _, err := c.Reconcile(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	if got := left(); !slices.Equal(got, []string{"safe", "waiting"}) {
		t.Errorf("left %v, want safe and waiting", got)
	}
	var end *corev1.Pod
	for _, action := range client.Actions() {
		if update, ok := action.(clienttesting.UpdateAction); ok && update.GetSubresource() == "status" {
			end = update.GetObject().(*corev1.Pod)
		}
	}
	if end == nil || end.Name != "lost" || end.Status.Phase != corev1.PodFailed ||
		end.Status.Conditions[0].Reason != "DeletionByPodGC" || end.Status.Conditions[0].Message != "PodGC: node no longer exists" {
		t.Errorf("the last status of the lost pod is %+v", end)
	}
}

// A node that cannot be looked at holds up neither the pods of others nor their quarantine.
func TestOneNodeThatCannotBeLookedAt(t *testing.T) {
	client := fake.NewClientset(newPod("a", "unknown", corev1.PodRunning, 0), newPod("b", "gone", corev1.PodRunning, 0))
	client.PrependReactor("get", "nodes", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.(clienttesting.GetAction).GetName() == "unknown" {
			return true, nil, errors.New("no answer")
		}
		return false, nil, nil
	})
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared, DefaultThreshold, DefaultQuarantine)
	now := time.Unix(1e9, 0)
	c.now = func() time.Time { return now }
	controllertest.Start(t, shared)
	if _, err := c.Reconcile(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	now = now.Add(DefaultQuarantine)
	if _, err := c.Reconcile(t.Context(), everything); err == nil {
		t.Error("no error tells of the node that could not be looked at")
	}
	list, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Name != "a" {
		t.Errorf("left %v, want the pod of the unknown node only", list.Items)
	}
}

// A pod that nobody will confirm the end of fails before it is deleted: one that
// is told to go before it has a node, and one whose node is out of service.
func TestFailsWhatNobodyEnds(t *testing.T) {
	going := func(name, node string) *corev1.Pod {
		pod := newPod(name, node, corev1.PodRunning, 0)
		pod.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
		pod.Finalizers = []string{"example.com/keep"}
		return pod
	}
	dead := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "dead"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: corev1.TaintNodeOutOfService}}}}
	client := fake.NewClientset(dead, going("unscheduled", ""), going("stranded", "dead"), newPod("running", "dead", corev1.PodRunning, 0))
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared, DefaultThreshold, DefaultQuarantine)
	controllertest.Start(t, shared)
	if _, err := c.Reconcile(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	ended := map[string]corev1.PodStatus{}
	var deleted []string
	for _, action := range client.Actions() {
		if update, ok := action.(clienttesting.UpdateAction); ok && update.GetSubresource() == "status" {
			pod := update.GetObject().(*corev1.Pod)
			ended[pod.Name] = pod.Status
		}
		if del, ok := action.(clienttesting.DeleteActionImpl); ok {
			deleted = append(deleted, del.GetName())
			if grace := del.DeleteOptions.GracePeriodSeconds; grace == nil || *grace != 0 {
				t.Errorf("%s is given time", del.GetName())
			}
		}
	}
	slices.Sort(deleted)
	if !slices.Equal(deleted, []string{"stranded", "unscheduled"}) {
		t.Errorf("deleted %v", deleted)
	}
	for _, name := range deleted {
		if status := ended[name]; status.Phase != corev1.PodFailed || len(status.Conditions) != 0 {
			t.Errorf("%s ended as %+v", name, status)
		}
	}
}
