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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	oldHash = "old"
	newHash = "new"
)

func newSet() *appsv1.DaemonSet {
	labels := map[string]string{"app": "agent"}
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent", UID: "ds", Generation: 2},
		Spec: appsv1.DaemonSetSpec{
			Selector:       &metav1.LabelSelector{MatchLabels: labels},
			Template:       corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType},
		},
	}
}

func rolling(set *appsv1.DaemonSet, maxUnavailable, maxSurge string) {
	set.Spec.UpdateStrategy = appsv1.DaemonSetUpdateStrategy{
		Type: appsv1.RollingUpdateDaemonSetStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDaemonSet{
			MaxUnavailable: ptr.To(intstr.Parse(maxUnavailable)), MaxSurge: ptr.To(intstr.Parse(maxSurge)),
		},
	}
}

// parse makes a pod from words: a node, the hash, and what is particular about
// it. It is ready unless something else is said; each pod is younger than those
// before it.
func parse(words string, age int) *corev1.Pod {
	fields := strings.Fields(words)
	name := strings.ReplaceAll(words, " ", "-")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name),
			CreationTimestamp: metav1.NewTime(t0.Add(time.Duration(age) * time.Second)),
			Labels:            map[string]string{"app": "agent", appsv1.DefaultDaemonSetUniqueLabelKey: fields[1]}},
		Spec: corev1.PodSpec{NodeName: fields[0]},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(t0)}}},
	}
	for _, word := range fields[2:] {
		switch word {
		case "unready":
			pod.Status.Conditions[0].Status = corev1.ConditionFalse
		case "failed":
			pod.Status = corev1.PodStatus{Phase: corev1.PodFailed}
		case "succeeded":
			pod.Status = corev1.PodStatus{Phase: corev1.PodSucceeded}
		case "going":
			pod.DeletionTimestamp = &metav1.Time{Time: t0}
		case "unbound":
			pod.Spec.Affinity, pod.Spec.NodeName = pinned(nil, fields[0]), ""
			pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
		case "fresh": // ready, but not for long enough
			pod.Status.Conditions[0].LastTransitionTime = metav1.NewTime(t0.Add(50 * time.Second))
		}
	}
	return pod
}

// nodesNamed makes nodes. One whose name ends in "!" has a NoSchedule taint, in
// "x" a NoExecute one.
func nodesNamed(names string) []*corev1.Node {
	var nodes []*corev1.Node
	for _, name := range strings.Fields(names) {
		node := &corev1.Node{}
		if strings.HasSuffix(name, "!") {
			node.Spec.Taints = []corev1.Taint{taint("k", corev1.TaintEffectNoSchedule)}
		}
		if strings.HasSuffix(name, "x") {
			node.Spec.Taints = []corev1.Taint{taint("k", corev1.TaintEffectNoExecute)}
		}
		node.Name = strings.TrimSuffix(name, "!")
		nodes = append(nodes, node)
	}
	return nodes
}

func never(string) time.Duration { return 0 }

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name           string
		nodes          string
		pods           []string
		unavailable    string // maxUnavailable; none: OnDelete
		surge          string // maxSurge
		minReady       int32
		create, remove []string
	}{
		{name: "a pod on each node", nodes: "a b c", pods: []string{"b new"}, create: []string{"a", "c"}},
		{name: "one that is meant for the node counts", nodes: "a", pods: []string{"a new unbound"}},
		{name: "no second one while the first is going", nodes: "a", pods: []string{"a new going"}},
		{name: "one that has ended and waits for a finalizer is none", nodes: "a", pods: []string{"a new failed going"}, create: []string{"a"}},
		{name: "none where it may not run, but what is there stays", nodes: "a! b!", pods: []string{"a new"}},
		{name: "none stays where it must not be", nodes: "ax", pods: []string{"ax new", "ax old unready", "ax new going"}, remove: []string{"ax-new", "ax-old-unready"}},
		{name: "a failed one goes first", nodes: "a b", pods: []string{"a new failed", "b new succeeded"}, remove: []string{"a-new-failed", "b-new-succeeded"}},
		{name: "the oldest of several stays", nodes: "a", pods: []string{"a old", "a new", "a new unready"}, remove: []string{"a-new", "a-new-unready"}},
		{name: "an available one stays rather than an older one", nodes: "a", pods: []string{"a new unready", "a new", "a old"}, remove: []string{"a-old", "a-new-unready"}},
		{name: "one that is on the node stays rather than one that waits", nodes: "a", pods: []string{"a new unbound", "a new"}, remove: []string{"a-new-unbound"}},
		{name: "a node that is gone: what waits for it goes", nodes: "", pods: []string{"a new", "b new unbound"}, remove: []string{"b-new-unbound"}},
		{name: "OnDelete replaces nothing", nodes: "a b", pods: []string{"a old", "b old unready"}},

		{name: "one at a time", nodes: "a b c", pods: []string{"a old", "b old", "c old"}, unavailable: "1", surge: "0", remove: []string{"a-old"}},
		{name: "not while another is unavailable", nodes: "a b c", pods: []string{"a new unready", "b old", "c old"}, unavailable: "1", surge: "0"},
		{name: "not while another is going", nodes: "a b c", pods: []string{"a old going", "b old", "c old"}, unavailable: "1", surge: "0"},
		{name: "as many as may be", nodes: "a b c d", pods: []string{"a new unready", "b old", "c old", "d old"}, unavailable: "2", surge: "0", remove: []string{"b-old"}},
		{name: "a percentage rounds up", nodes: "a b c", pods: []string{"a old", "b old", "c old"}, unavailable: "34%", surge: "0", remove: []string{"a-old", "b-old"}},
		{name: "a small percentage is one", nodes: "a b c", pods: []string{"a old", "b old", "c old"}, unavailable: "1%", surge: "0", remove: []string{"a-old"}},
		{name: "nothing is lost with those that are unavailable", nodes: "a b c", pods: []string{"a old", "b old unready", "c old unready"}, unavailable: "1", surge: "0", remove: []string{"b-old-unready", "c-old-unready"}},
		{name: "neither bound is one", nodes: "a b", pods: []string{"a old", "b old"}, unavailable: "0", surge: "0", remove: []string{"a-old"}},
		{name: "ready is not yet available", nodes: "a b", pods: []string{"a new fresh", "b old"}, unavailable: "1", surge: "0", minReady: 30},
		{name: "available in time", nodes: "a b", pods: []string{"a new fresh", "b old"}, unavailable: "1", surge: "0", minReady: 10, remove: []string{"b-old"}},
		{name: "missing pods first", nodes: "a b", pods: []string{"b old"}, unavailable: "2", surge: "0", create: []string{"a"}},
		{name: "a node that is gone holds nothing up", nodes: "a", pods: []string{"a old", "gone old going"}, unavailable: "1", surge: "0", remove: []string{"a-old"}},

		{name: "surge: one more at a time", nodes: "a b c", pods: []string{"a old", "b old", "c old"}, unavailable: "0", surge: "1", create: []string{"a"}},
		{name: "surge: wait for it", nodes: "a b", pods: []string{"a old", "b old", "a new unready"}, unavailable: "0", surge: "1"},
		{name: "surge: the old one goes when the new is available", nodes: "a", pods: []string{"a old", "a new"}, unavailable: "0", surge: "1", remove: []string{"a-old"}},
		{name: "surge: the old one goes when it is not ready", nodes: "a", pods: []string{"a old unready", "a new unready"}, unavailable: "0", surge: "1", remove: []string{"a-old-unready"}},
		{name: "surge: not on top of one that is not available", nodes: "a b c", pods: []string{"a old unready", "b old", "c old"}, unavailable: "0", surge: "1", create: []string{"a", "b"}},
		{name: "surge: a percentage rounds up", nodes: "a b c", pods: []string{"a old", "b old", "c old"}, unavailable: "0", surge: "50%", create: []string{"a", "b"}},
		{name: "surge: ready is not yet available", nodes: "a", pods: []string{"a old", "a new fresh"}, unavailable: "0", surge: "1", minReady: 30},
		{name: "surge: a new pod beside one that is going", nodes: "a", pods: []string{"a new going"}, unavailable: "0", surge: "1", create: []string{"a"}},
		{name: "surge: no third one", nodes: "a", pods: []string{"a old", "a new unready", "a new"}, unavailable: "0", surge: "1", remove: []string{"a-new-unready", "a-old"}},
		{name: "surge: no new pod where none should be", nodes: "a! b", pods: []string{"a old", "b old"}, unavailable: "0", surge: "1", create: []string{"b"}, remove: []string{"a-old"}},
		{name: "surge: none goes before there are enough", nodes: "a! b", pods: []string{"a old", "b new unready"}, unavailable: "0", surge: "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := newSet()
			set.Spec.MinReadySeconds = test.minReady
			if test.unavailable != "" {
				rolling(set, test.unavailable, test.surge)
			}
			var pods []*corev1.Pod
			for i, words := range test.pods {
				pods = append(pods, parse(words, i))
			}
			got := plan(look(set, newHash, nodesNamed(test.nodes), pods, t0.Add(time.Minute)), never)
			if !slices.Equal(got.create, test.create) {
				t.Errorf("creates on %v, want %v", got.create, test.create)
			}
			if removed := names(got.remove); !slices.Equal(removed, test.remove) {
				t.Errorf("removes %v, want %v", removed, test.remove)
			}
		})
	}
}

func names(removals []removal) []string {
	var names []string
	for _, r := range removals {
		names = append(names, r.pod.Name)
	}
	return names
}

// A failed pod stays for as long as its node's back-off lasts.
func TestFailedPodsWait(t *testing.T) {
	pods := []*corev1.Pod{parse("a new failed", 0), parse("b new failed", 0), parse("c new failed", 0)}
	left := map[string]time.Duration{"a": time.Minute, "b": time.Second}
	got := plan(look(newSet(), newHash, nodesNamed("a b c"), pods, t0), func(node string) time.Duration { return left[node] })
	if removed := names(got.remove); !slices.Equal(removed, []string{"c-new-failed"}) || got.again != time.Second || len(got.create) != 0 {
		t.Errorf("removes %v, creates on %v, looks again in %s", removed, got.create, got.again)
	}
}

func TestBackoff(t *testing.T) {
	b := newBackoff()
	key := types.NamespacedName{Name: "agent"}
	now := t0
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		if left := b.wait(key, "a", now); left > 0 {
			t.Fatalf("%s before it may be removed", left)
		}
		b.removed(key, "a", now)
		if left := b.wait(key, "a", now); left != want*time.Second {
			t.Fatalf("%s after it was removed, want %s", left, want*time.Second)
		}
		if left := b.wait(key, "b", now); left > 0 {
			t.Fatalf("another node waits %s", left)
		}
		now = now.Add(want * time.Second)
	}
	now = now.Add(forgetBackoff)
	b.removed(key, "a", now)
	if left := b.wait(key, "a", now); left != time.Second {
		t.Errorf("%s after a long time of health, want 1s", left)
	}
	b.forget(key)
	if left := b.wait(key, "a", now); left > 0 {
		t.Errorf("a new set of the name waits %s", left)
	}
}

// Large sets are made in bursts.
func TestBursts(t *testing.T) {
	var nodes []*corev1.Node
	for i := range burst + 7 {
		nodes = append(nodes, nodesNamed(fmt.Sprintf("n%d", i))...)
	}
	if got := plan(look(newSet(), newHash, nodes, nil, t0), never); len(got.create) != burst {
		t.Errorf("creates %d, want %d", len(got.create), burst)
	}
}

func TestStatus(t *testing.T) {
	set := newSet()
	set.Spec.MinReadySeconds = 30
	set.Status.CollisionCount = ptr.To[int32](3)
	pods := []*corev1.Pod{
		parse("a new", 0), parse("b new fresh", 1), parse("c old", 2), parse("d new unready", 3),
		parse("m! new", 4), parse("gone new", 5), parse("c new", 6), // the older one counts
	}
	pods[4].Spec.NodeName = "m"
	got, next := observe(look(set, newHash, nodesNamed("a b c d e m!"), pods, t0.Add(time.Minute)))
	want := appsv1.DaemonSetStatus{
		DesiredNumberScheduled: 5, CurrentNumberScheduled: 4, NumberMisscheduled: 1, NumberReady: 3,
		NumberAvailable: 2, NumberUnavailable: 3, UpdatedNumberScheduled: 3, ObservedGeneration: 2, CollisionCount: got.CollisionCount,
	}
	if got.CollisionCount == nil || *got.CollisionCount != 3 {
		t.Errorf("collisions %v", got.CollisionCount)
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if next != 20*time.Second {
		t.Errorf("looks again in %s, want 20 s, when b is available", next)
	}
}

// A pod that lacks the hash is current all the same if it carries the number of
// the template.
func TestCurrentByGeneration(t *testing.T) {
	set := newSet()
	set.Annotations = map[string]string{appsv1.DeprecatedTemplateGeneration: "4"}
	pod := parse("a old", 0)
	if isCurrent(set, newHash, pod) {
		t.Error("current without a sign of it")
	}
	pod.Labels[generationLabel] = "4"
	if !isCurrent(set, newHash, pod) {
		t.Error("not current although it has the template's number")
	}
	set.Annotations[appsv1.DeprecatedTemplateGeneration] = "many"
	if isCurrent(set, newHash, pod) {
		t.Error("current by a number that is none")
	}
	template := templateFor(set, newHash, "a")
	if _, there := template.Labels[generationLabel]; there || template.Labels[appsv1.DefaultDaemonSetUniqueLabelKey] != newHash {
		t.Errorf("labels %v", template.Labels)
	}
}
