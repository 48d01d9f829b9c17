package resourcequota

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

// newController returns a controller on a fake API that serves pods and secrets.
func newController(t *testing.T, q *corev1.ResourceQuota) (*Controller, *fake.Clientset, func(time.Duration)) {
	t.Helper()
	client := fake.NewClientset(q)
	all := metav1.Verbs{"create", "delete", "get", "list", "watch"}
	client.Resources = []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{
		{Name: "pods", Namespaced: true, Kind: "Pod", Verbs: all}, {Name: "secrets", Namespaced: true, Kind: "Secret", Verbs: all}}}}
	scheme := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, metadatafake.NewSimpleMetadataClient(scheme), client.Discovery(), shared)
	now := time.Unix(0, 0)
	c.settled.now = func() time.Time { return now }
	controllertest.Start(t, shared)
	return c, client, func(d time.Duration) { now = now.Add(d) }
}

// Less is written only once the quota has not been charged for a while: the object of the last charge
// may still be on its way.
func TestLessHasToSettle(t *testing.T) {
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "q", ResourceVersion: "1"},
		Spec: corev1.ResourceQuotaSpec{Hard: list("pods", "5")}, Status: corev1.ResourceQuotaStatus{Hard: list("pods", "5"), Used: list("pods", "1")}}
	c, client, pass := newController(t, q)
	used := func() string {
		q, err := client.CoreV1().ResourceQuotas("ns").Get(t.Context(), "q", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return q.Status.Used.Pods().String()
	}
	if again, err := c.Reconcile(t.Context(), controller.Key(q)); err != nil || again != settling || used() != "1" {
		t.Errorf("at first: again in %s, %v, %s used; wanted to wait for %s", again, err, used(), settling)
	}
	pass(settling)
	if again, err := c.Reconcile(t.Context(), controller.Key(q)); err != nil || again != resync || used() != "0" {
		t.Errorf("settled: again in %s, %v, %s used; wanted 0 used", again, err, used())
	}
}

// Resources are watched as long as a quota limits them.
func TestWatchesWhatIsLimited(t *testing.T) {
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "q"}, Spec: corev1.ResourceQuotaSpec{Hard: list("count/secrets", "5")}}
	c, client, _ := newController(t, q)
	secrets := corev1.SchemeGroupVersion.WithResource("secrets")
	watched := func() bool { _, ok := c.monitors.running[secrets]; return ok }
	if watched() {
		t.Error("secrets are watched before anybody asked")
	}
	if _, err := c.Reconcile(t.Context(), controller.Key(q)); err != nil || !watched() {
		t.Errorf("%v; watched: %t", err, watched())
	}
	if err := client.CoreV1().ResourceQuotas("ns").Delete(t.Context(), "q", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		_, err := c.quotas.ResourceQuotas("ns").Get("q")
		return apierrors.IsNotFound(err), nil
	})
	if err != nil {
		t.Fatal("the informer never heard of the deletion")
	}
	if _, err := c.Reconcile(t.Context(), controller.Key(q)); err != nil || watched() {
		t.Errorf("after the quota is gone: %v; watched: %t", err, watched())
	}
}
