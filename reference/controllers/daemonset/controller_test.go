package daemonset

import (
	"fmt"
	"slices"
	"strings"
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
)

var key = types.NamespacedName{Namespace: "default", Name: "agent"}

type fixture struct {
	*Controller
	client *fake.Clientset
	events func() []string
	now    time.Time
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
	f := &fixture{Controller: New(client, shared, recorder), client: client, events: events, now: t0.Add(time.Minute)}
	f.Controller.now = func() time.Time { return f.now }
	controllertest.Start(t, shared)
	return f
}

// settle reconciles until nothing is waited for.
func (f *fixture) settle(t *testing.T) time.Duration {
	t.Helper()
	for {
		next, err := f.Reconcile(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if f.writes.Seen(key) && f.history.Seen(key) {
			return next
		}
		time.Sleep(time.Millisecond)
	}
}

func (f *fixture) pods(t *testing.T) []corev1.Pod {
	t.Helper()
	list, err := f.client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func (f *fixture) set(t *testing.T) *appsv1.DaemonSet {
	t.Helper()
	set, err := f.client.AppsV1().DaemonSets("default").Get(t.Context(), "agent", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// untilCached waits for the informer, which is another goroutine.
func (f *fixture) untilCached(t *testing.T, shows func(*appsv1.DaemonSet) bool) {
	t.Helper()
	for t.Context().Err() == nil {
		if cached, err := f.sets.DaemonSets("default").Get("agent"); err == nil && shows(cached) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func owned(pod *corev1.Pod) *corev1.Pod {
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(newSet(), kind)}
	return pod
}

func with(objects []runtime.Object, nodes []*corev1.Node) []runtime.Object {
	for _, node := range nodes {
		objects = append(objects, node)
	}
	return objects
}

func TestMakesAPodForEachNode(t *testing.T) {
	set := newSet()
	set.Annotations = map[string]string{appsv1.DeprecatedTemplateGeneration: "1"}
	f := newFixture(t, with([]runtime.Object{set}, nodesNamed("a b c!"))...)
	f.settle(t)
	var on []string
	revisions, err := f.client.AppsV1().ControllerRevisions("default").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(revisions.Items) != 1 {
		t.Fatalf("revisions %+v, %v", revisions, err)
	}
	revision := revisions.Items[0]
	hash := revision.Labels["controller-revision-hash"]
	if hash == "" || revision.Revision != 1 || revision.Name != "agent-"+hash || !metav1.IsControlledBy(&revision, set) {
		t.Errorf("revision %+v", revision)
	}
	for _, pod := range f.pods(t) {
		node, _ := nodeOf(&pod)
		on = append(on, node)
		if pod.Spec.NodeName != "" {
			t.Errorf("pod of node %s bypasses the scheduler", node)
		}
		if pod.Labels["controller-revision-hash"] != hash || pod.Labels["pod-template-generation"] != "1" || pod.Labels["app"] != "agent" {
			t.Errorf("labels %v", pod.Labels)
		}
		if len(pod.Spec.Tolerations) != 6 || !metav1.IsControlledBy(&pod, set) {
			t.Errorf("pod %+v", pod)
		}
	}
	slices.Sort(on)
	if !slices.Equal(on, []string{"a", "b"}) {
		t.Errorf("pods for nodes %v, want a and b", on)
	}
	for _, event := range f.events() {
		if !strings.HasPrefix(event, "Normal SuccessfulCreate Created pod: agent-") {
			t.Errorf("event %q", event)
		}
	}
	f.settle(t)
	status := f.set(t).Status
	if status.DesiredNumberScheduled != 2 || status.CurrentNumberScheduled != 2 || status.UpdatedNumberScheduled != 2 ||
		status.NumberUnavailable != 2 || status.ObservedGeneration != 2 {
		t.Errorf("status %+v", status)
	}
}

func TestReplacesFailedPods(t *testing.T) {
	f := newFixture(t, with([]runtime.Object{newSet(), owned(parse("a new failed", 0)), owned(parse("b new succeeded", 1))}, nodesNamed("a b"))...)
	f.settle(t)
	f.settle(t)
	got := slices.DeleteFunc(f.events(), func(event string) bool { return strings.Contains(event, "Created pod") })
	slices.Sort(got)
	want := []string{
		"Normal SucceededDaemonPod Found succeeded daemon pod default/b-new-succeeded on node b, will try to delete it",
		"Normal SuccessfulDelete Deleted pod: a-new-failed",
		"Normal SuccessfulDelete Deleted pod: b-new-succeeded",
		"Warning FailedDaemonPod Found failed daemon pod default/a-new-failed on node a, will try to kill it",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	pods := f.pods(t)
	if len(pods) != 2 {
		t.Fatalf("%d pods, want a new one for each node", len(pods))
	}
	// The next one that fails there has to wait.
	for _, pod := range pods {
		pod.Status.Phase = corev1.PodFailed
		if _, err := f.client.CoreV1().Pods("default").UpdateStatus(t.Context(), &pod, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		f.writes.Wrote(key, &pod)
	}
	failed := func() (n int) {
		for _, pod := range f.pods(t) {
			if pod.Status.Phase == corev1.PodFailed {
				n++
			}
		}
		return n
	}
	for failed() != 1 { // until the informer has seen them, and the one of node b has gone
		f.settle(t)
	}
	if next := f.settle(t); next != time.Second || failed() != 1 {
		t.Errorf("looks again in %s, %d failed pods are left; want the one of node a, which waits a second", next, failed())
	}
}

func TestAdoptsAndReleases(t *testing.T) {
	stray := owned(parse("b new", 0))
	stray.Labels = map[string]string{"app": "debug"}
	f := newFixture(t, with([]runtime.Object{newSet(), parse("a new", 0), stray}, nodesNamed("a"))...)
	f.settle(t)
	for _, pod := range f.pods(t) {
		if mine := metav1.IsControlledBy(&pod, newSet()); mine != (pod.Name == "a-new") {
			t.Errorf("pod %s has owners %+v", pod.Name, pod.OwnerReferences)
		}
	}
}

// An update leaves as much history as it should, and an undo uses it again.
func TestKeepsHistory(t *testing.T) {
	set := newSet()
	set.Spec.RevisionHistoryLimit = ptr.To[int32](2)
	f := newFixture(t, set)
	deploy := func(version int) {
		set := f.set(t)
		set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: fmt.Sprint("agent:v", version)}}
		set.Generation++
		if _, err := f.client.AppsV1().DaemonSets("default").Update(t.Context(), set, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		f.untilCached(t, func(cached *appsv1.DaemonSet) bool { return cached.Generation == set.Generation })
		f.settle(t)
		f.untilCached(t, func(cached *appsv1.DaemonSet) bool { return cached.Status.ObservedGeneration == set.Generation })
	}
	history := func() (numbers []int64) {
		list, err := f.client.AppsV1().ControllerRevisions("default").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, revision := range list.Items {
			numbers = append(numbers, revision.Revision)
		}
		slices.Sort(numbers)
		return numbers
	}
	f.settle(t)
	f.untilCached(t, func(cached *appsv1.DaemonSet) bool { return cached.Status.ObservedGeneration == 2 })
	for version := range 4 {
		deploy(version)
	}
	if got := history(); !slices.Equal(got, []int64{3, 4, 5}) {
		t.Errorf("revisions %v, want the last one and two more", got)
	}
	deploy(1)
	if got := history(); !slices.Equal(got, []int64{4, 5, 6}) {
		t.Errorf("after an undo revisions %v; want revision 3 to be the newest", got)
	}
}

func TestSelectsNotEverything(t *testing.T) {
	set := newSet()
	set.Spec.Selector = &metav1.LabelSelector{}
	f := newFixture(t, with([]runtime.Object{set}, nodesNamed("a"))...)
	f.settle(t)
	want := []string{"Warning SelectingAll This daemon set is selecting all pods. A non-empty selector is required."}
	if got := f.events(); !slices.Equal(got, want) || len(f.pods(t)) != 0 {
		t.Errorf("events %q, %d pods", got, len(f.pods(t)))
	}
}

// Once all is well nothing is written, whatever the controller is asked.
func TestWritesNothingAtRest(t *testing.T) {
	f := newFixture(t, with([]runtime.Object{newSet()}, nodesNamed("a b"))...)
	f.settle(t)
	f.settle(t)
	f.untilCached(t, func(cached *appsv1.DaemonSet) bool { return cached.Status.UpdatedNumberScheduled == 2 })
	f.client.ClearActions()
	for range 3 {
		f.settle(t)
	}
	for _, action := range f.client.Actions() {
		if verb := action.GetVerb(); verb != "get" && verb != "list" && verb != "watch" {
			t.Errorf("%s %s", verb, action.GetResource().Resource)
		}
	}
}
