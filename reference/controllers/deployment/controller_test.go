package deployment

import (
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

var key = types.NamespacedName{Namespace: "default", Name: "web"}

func newFixture(t *testing.T, objects ...runtime.Object) (*Controller, *fake.Clientset, func() []string) {
	client := fake.NewClientset(objects...)
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	c := New(client, shared, recorder)
	controllertest.Start(t, shared)
	return c, client, events
}

func stored(t *testing.T, client *fake.Clientset) *appsv1.Deployment {
	t.Helper()
	d, err := client.AppsV1().Deployments(key.Namespace).Get(t.Context(), key.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReconcileMakesTheFirstSet(t *testing.T) {
	d := newCluster(3, appsv1.DeploymentStrategy{}).d
	c, client, events := newFixture(t, d)
	if _, err := c.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	name := "web-" + templateHash(&d.Spec.Template, nil)
	rs, err := client.AppsV1().ReplicaSets(key.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil || size(rs) != 3 {
		t.Fatalf("set of size %d, error %v", size(rs), err)
	}
	if got, want := events(), []string{"Normal ScalingReplicaSet Scaled up replica set " + name + " from 0 to 3"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	d = stored(t, client)
	if d.Annotations[revisionAnnotation] != "1" {
		t.Errorf("annotations %v, want revision 1", d.Annotations)
	}
	progressing := condition(&d.Status, appsv1.DeploymentProgressing)
	if progressing == nil || progressing.Reason != newReplicaSetCreated || progressing.Message != `Created new replica set "`+name+`"` {
		t.Errorf("Progressing is %+v", progressing)
	}
}

func TestReconcileCountsCollisions(t *testing.T) {
	d := newCluster(1, appsv1.DeploymentStrategy{}).d
	taken := newSet(d, 1, 1)
	taken.OwnerReferences, taken.Labels, taken.UID = nil, nil, "anothers"
	c, client, _ := newFixture(t, d, taken)
	if _, err := c.Reconcile(t.Context(), key); !apierrors.IsAlreadyExists(err) {
		t.Fatalf("error %v, want one to try again for", err)
	}
	if got := stored(t, client).Status.CollisionCount; got == nil || *got != 1 {
		t.Errorf("collision count %v, want 1", got)
	}
}

func TestReconcileTellsThatASetCannotBeMade(t *testing.T) {
	c, client, events := newFixture(t, newCluster(1, appsv1.DeploymentStrategy{}).d)
	client.PrependReactor("create", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no room")
	})
	if _, err := c.Reconcile(t.Context(), key); err == nil {
		t.Error("no error")
	}
	progressing := condition(&stored(t, client).Status, appsv1.DeploymentProgressing)
	if progressing == nil || progressing.Reason != replicaSetCreateError || !strings.HasSuffix(progressing.Message, ": no room") {
		t.Errorf("Progressing is %+v", progressing)
	}
	if got := events(); len(got) != 1 || !strings.HasPrefix(got[0], "Warning ReplicaSetCreateError Failed to create new replica set") {
		t.Errorf("events %q", got)
	}
}

func TestReconcileRefusesToSelectAll(t *testing.T) {
	d := newCluster(1, appsv1.DeploymentStrategy{}).d
	d.Spec.Selector = &metav1.LabelSelector{}
	c, client, events := newFixture(t, d)
	if _, err := c.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	want := []string{"Warning SelectingAll This deployment is selecting all pods. A non-empty selector is required."}
	if got := events(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if got := stored(t, client).Status.ObservedGeneration; got != d.Generation {
		t.Errorf("observed generation %d, want %d", got, d.Generation)
	}
}

// Two sets have their sizes from different times if the cache lags behind one's
// own writes; deciding from them could break the bounds.
func TestReconcileWaitsForItsOwnWrites(t *testing.T) {
	d := newCluster(1, appsv1.DeploymentStrategy{}).d
	c, client, _ := newFixture(t, d)
	c.writes.Wrote(key, &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: "unseen", UID: "u", ResourceVersion: "999999"}})
	requeue, err := c.Reconcile(t.Context(), key)
	if err != nil || requeue != controller.StaleCache {
		t.Errorf("requeue in %s, error %v; want to wait for the cache", requeue, err)
	}
	for _, action := range client.Actions() {
		if action.GetVerb() == "create" {
			t.Error("a set was made from a stale cache")
		}
	}
}
