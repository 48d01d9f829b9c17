package tainteviction

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func TestEvictsWhenTheTimeIsOver(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("down", 0)}}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web"},
		Spec:       corev1.PodSpec{NodeName: "node-1", Tolerations: []corev1.Toleration{tolerate("down", 300)}},
	}
	client := fake.NewClientset(node, pod)
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	c := New(client, shared, recorder)
	now := t0.Add(100 * time.Second)
	c.now = func() time.Time { return now }
	controllertest.Start(t, shared)
	key := types.NamespacedName{Namespace: "default", Name: "web"}

	wait, err := c.Reconcile(t.Context(), key)
	if err != nil || wait != 200*time.Second {
		t.Fatalf("wait %s, error %v; want 200 s", wait, err)
	}
	now = t0.Add(300 * time.Second)
	if _, err := c.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Pods("default").Get(t.Context(), "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the pod is still there (%v)", err)
	}
	if got, want := events(), []string{"Normal TaintManagerEviction Marking for deletion Pod default/web"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestSparesAPodWhoseTaintGoes(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web"}, Spec: corev1.PodSpec{NodeName: "node-1"}}
	client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}, pod)
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	c := New(client, shared, recorder)
	controllertest.Start(t, shared)
	key := types.NamespacedName{Namespace: "default", Name: "web"}
	c.evictor.Await(pod)
	if wait, err := c.Reconcile(t.Context(), key); wait != 0 || err != nil {
		t.Fatalf("wait %s, error %v", wait, err)
	}
	if got, want := events(), []string{"Normal TaintManagerEviction Cancelling deletion of Pod default/web"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
