package replicaset

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
	"github.com/etalon-dev/etalon/reference/controllers/replicas"
)

var key = types.NamespacedName{Namespace: "default", Name: "web"}

func newSet(wanted int32) *appsv1.ReplicaSet {
	labels := map[string]string{"app": "web"}
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: "rs", Generation: 3},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: ptr.To(wanted),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		},
	}
}

func newPod(name string, owner types.UID) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: "node-1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue},
		}},
	}
	if owner != "" {
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: key.Name, UID: owner, Controller: ptr.To(true)}}
	}
	return pod
}

type fixture struct {
	client     *fake.Clientset
	controller *replicas.Controller
	events     func() []string
}

// newFixture has a controller that sees the objects.
func newFixture(t *testing.T, objects ...runtime.Object) *fixture {
	client := fake.NewClientset(objects...)
	client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		pod := action.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		pod.UID = uuid.NewUUID()
		pod.Name = pod.GenerateName + string(pod.UID[:5])
		return false, nil, nil
	})
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	f := &fixture{client: client, events: events, controller: New(client, shared, recorder)}
	controllertest.Start(t, shared)
	return f
}

func (f *fixture) verbs(resource string) []string {
	var verbs []string
	for _, action := range f.client.Actions() {
		if action.GetResource().Resource == resource && !slices.Contains([]string{"list", "watch", "get"}, action.GetVerb()) {
			verbs = append(verbs, action.GetVerb())
		}
	}
	return verbs
}

func (f *fixture) status(t *testing.T) appsv1.ReplicaSetStatus {
	t.Helper()
	rs, err := f.client.AppsV1().ReplicaSets(key.Namespace).Get(t.Context(), key.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return rs.Status
}

func TestCreatesWhatIsMissing(t *testing.T) {
	f := newFixture(t, newSet(3), newPod("a", "rs"))
	if _, err := f.controller.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := f.verbs("pods"); !slices.Equal(got, []string{"create", "create"}) {
		t.Errorf("pods: %v, want two creations", got)
	}
	for _, event := range f.events() {
		var name string
		if _, err := fmt.Sscanf(event, "Normal SuccessfulCreate Created pod: %s", &name); err != nil {
			t.Errorf("event %q: %v", event, err)
		}
	}
	// Once it sees what it has made, it tells of it, and once.
	for deadline := time.Now().Add(30 * time.Second); len(f.verbs("replicasets")) == 0; time.Sleep(5 * time.Millisecond) {
		if _, err := f.controller.Reconcile(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the status is never written")
		}
	}
	status := f.status(t)
	if status.ObservedGeneration != 3 || status.Replicas != 3 || status.ReadyReplicas != 1 || status.AvailableReplicas != 1 || status.FullyLabeledReplicas != 3 {
		t.Errorf("status %+v", status)
	}
}

func TestDeletesTheSurplus(t *testing.T) {
	spare := newPod("spare", "rs")
	spare.Status.Conditions = nil
	f := newFixture(t, newSet(1), newPod("a", "rs"), spare)
	if _, err := f.controller.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got, want := f.events(), []string{"Normal SuccessfulDelete Deleted pod: spare"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestAdoptsAndReleases(t *testing.T) {
	stray := newPod("stray", "rs")
	stray.Labels = map[string]string{"app": "debug"}
	f := newFixture(t, newSet(1), newPod("orphan", ""), stray, newPod("anothers", "other"))
	if _, err := f.controller.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	owners := func(name string) []metav1.OwnerReference {
		pod, err := f.client.CoreV1().Pods(key.Namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return pod.OwnerReferences
	}
	if refs := owners("orphan"); len(refs) != 1 || refs[0].UID != "rs" || !*refs[0].Controller || !*refs[0].BlockOwnerDeletion {
		t.Errorf("owners of the orphan: %+v", refs)
	}
	if refs := owners("stray"); len(refs) != 0 {
		t.Errorf("owners of the pod that no longer matches: %+v", refs)
	}
	if got := f.verbs("pods"); slices.Contains(got, "create") {
		t.Errorf("pods: %v; the orphan is the one that is wanted", got)
	}
}

func TestTellsWhyItCannotCreate(t *testing.T) {
	f := newFixture(t, newSet(10))
	f.client.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("exceeded quota")
	})
	if _, err := f.controller.Reconcile(t.Context(), key); err == nil {
		t.Error("no error")
	}
	if got := f.verbs("pods"); len(got) != 1 {
		t.Errorf("%d attempts, want one", len(got))
	}
	if got, want := f.events(), []string{"Warning FailedCreate Error creating: exceeded quota"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	conditions := f.status(t).Conditions
	if len(conditions) != 1 || conditions[0].Type != appsv1.ReplicaSetReplicaFailure || conditions[0].Reason != "FailedCreate" ||
		conditions[0].Message != "exceeded quota" {
		t.Errorf("conditions %+v", conditions)
	}
}

// Whatever the cache shows, a second look before it shows the new pods must not
// make them again.
func TestDoesNotCreateTwice(t *testing.T) {
	f := newFixture(t, newSet(2))
	f.client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return true, action.(clienttesting.CreateAction).GetObject(), nil // accepted, and not to be seen by any watch
	})
	for range 3 {
		if _, err := f.controller.Reconcile(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.verbs("pods"); len(got) != 2 {
		t.Errorf("%d pods were created for a set of two", len(got))
	}
}

func TestTellsWhenPodsBecomeAvailable(t *testing.T) {
	rs := newSet(1)
	rs.Spec.MinReadySeconds = 600
	pod := newPod("a", "rs")
	pod.Status.Conditions[0].LastTransitionTime = metav1.Now()
	f := newFixture(t, rs, pod)
	requeue, err := f.controller.Reconcile(t.Context(), key)
	if err != nil || requeue <= 0 {
		t.Errorf("requeue in %s, error %v; want to look again when the pod has been ready for 10 minutes", requeue, err)
	}
	if status := f.status(t); status.ReadyReplicas != 1 || status.AvailableReplicas != 0 {
		t.Errorf("status %+v", status)
	}
}
