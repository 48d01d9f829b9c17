package statefulset

import (
	"errors"
	"slices"
	"strings"
	"testing"

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
)

var key = types.NamespacedName{Namespace: "default", Name: "web"}

type fixture struct {
	client     *fake.Clientset
	controller *Controller
	events     func() []string
}

// newFixture has a controller that sees the objects.
func newFixture(t *testing.T, objects ...runtime.Object) *fixture {
	client := fake.NewClientset(objects...)
	client.PrependReactor("create", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		action.(clienttesting.CreateAction).GetObject().(metav1.Object).SetUID(uuid.NewUUID())
		return false, nil, nil
	})
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	f := &fixture{client: client, events: events, controller: New(client, shared, recorder)}
	controllertest.Start(t, shared)
	return f
}

func (f *fixture) reconcile(t *testing.T) {
	t.Helper()
	if _, err := f.controller.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

// writes are what was written, as "verb resource name".
func (f *fixture) writes() []string {
	var writes []string
	for _, action := range f.client.Actions() {
		name := ""
		switch action := action.(type) {
		case clienttesting.CreateAction:
			name = action.GetObject().(metav1.Object).GetName()
		case clienttesting.DeleteAction:
			name = action.GetName()
		case clienttesting.PatchAction:
			name = action.GetName()
		}
		if !slices.Contains([]string{"list", "watch", "get"}, action.GetVerb()) {
			writes = append(writes, action.GetVerb()+" "+action.GetResource().Resource+" "+name)
		}
	}
	slices.Sort(writes)
	return writes
}

func TestFirstPod(t *testing.T) {
	f := newFixture(t, newWorld(3).set)
	f.reconcile(t)
	revisions, err := f.client.AppsV1().ControllerRevisions("default").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(revisions.Items) != 1 {
		t.Fatalf("revisions %+v, %v", revisions, err)
	}
	revision := revisions.Items[0].Name
	want := []string{"create controllerrevisions " + revision, "create persistentvolumeclaims data-web-0", "create pods web-0", "update statefulsets web"}
	if got := f.writes(); !slices.Equal(got, want) {
		t.Errorf("writes %q, want %q", got, want)
	}
	wantEvents := []string{
		"Normal SuccessfulCreate create Claim data-web-0 Pod web-0 in StatefulSet web success",
		"Normal SuccessfulCreate create Pod web-0 in StatefulSet web successful",
	}
	if got := f.events(); !slices.Equal(got, wantEvents) {
		t.Errorf("events %q, want %q", got, wantEvents)
	}
	set, err := f.client.AppsV1().StatefulSets("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	status := set.Status
	if status.ObservedGeneration != 1 || status.CurrentRevision != revision || status.UpdateRevision != revision || ptr.Deref(status.CollisionCount, -1) != 0 {
		t.Errorf("status %+v", status)
	}
}

// A claim that cannot be made holds its pod back.
func TestNoPodWithoutItsClaim(t *testing.T) {
	f := newFixture(t, newWorld(3).set)
	f.client.PrependReactor("create", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("exceeded quota")
	})
	if _, err := f.controller.Reconcile(t.Context(), key); err == nil {
		t.Error("no error")
	}
	if got := f.writes(); slices.ContainsFunc(got, func(w string) bool { return strings.HasPrefix(w, "create pods") }) {
		t.Errorf("writes %q", got)
	}
	want := []string{
		"Warning FailedCreate create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: exceeded quota",
		"Warning FailedCreate create Pod web-0 in StatefulSet web failed error: exceeded quota",
	}
	if got := f.events(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestEndedPodGoes(t *testing.T) {
	for phase, want := range map[corev1.PodPhase]string{
		corev1.PodFailed:    "Warning RecreatingFailedPod StatefulSet default/web is recreating failed Pod web-0",
		corev1.PodSucceeded: "Normal RecreatingTerminatedPod StatefulSet default/web is recreating terminated Pod web-0",
	} {
		w := newWorld(1)
		w.running("web-v1", 0)
		w.pods[0].Status.Phase = phase
		f := newFixture(t, w.set, w.pods[0], w.claims["data-web-0"])
		f.reconcile(t)
		if got, want := f.events(), []string{want, "Normal SuccessfulDelete delete Pod web-0 in StatefulSet web successful"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	}
}

// Orphans are adopted if they match and have a name that the set gives.
func TestAdoption(t *testing.T) {
	w := newWorld(2)
	w.running("web-v1", 0, 1)
	stranger := w.pods[1]
	stranger.Name = "web-x"
	for _, pod := range w.pods {
		pod.OwnerReferences = nil
	}
	f := newFixture(t, w.set, w.pods[0], stranger, w.claims["data-web-0"])
	f.reconcile(t)
	if got := f.writes(); !slices.Contains(got, "patch pods web-0") || slices.Contains(got, "patch pods web-x") || !slices.Contains(got, "create pods web-1") {
		t.Errorf("writes %q", got)
	}
}

// A pod below the partition is made anew from the template that was.
func TestOldTemplateBelowThePartition(t *testing.T) {
	w := newWorld(1)
	rolling(w, 1, 1)
	before := newFixture(t, w.set)
	before.reconcile(t)
	old, err := before.client.AppsV1().ControllerRevisions("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.set.Status.CurrentRevision = old.Items[0].Name
	w.set.Spec.Template.Spec.Containers[0].Image = "v2"
	f := newFixture(t, w.set, &old.Items[0])
	f.reconcile(t)
	pod, err := f.client.CoreV1().Pods("default").Get(t.Context(), "web-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if pod.Spec.Containers[0].Image != "v1" || revisionOf(pod) != old.Items[0].Name {
		t.Errorf("pod of image %s and revision %s", pod.Spec.Containers[0].Image, revisionOf(pod))
	}
}

func TestDeletedSetIsLeftAlone(t *testing.T) {
	w := newWorld(3)
	w.set.DeletionTimestamp = &metav1.Time{Time: epoch}
	w.set.Finalizers = []string{metav1.FinalizerDeleteDependents}
	w.set.Status = appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 1, CurrentRevision: "web-v1", UpdateRevision: "web-v1"}
	f := newFixture(t, w.set)
	f.reconcile(t)
	if got, want := f.writes(), []string{"update statefulsets web"}; !slices.Equal(got, want) {
		t.Errorf("writes %q, want only the status: %q", got, want)
	}
}
