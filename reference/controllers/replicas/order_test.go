package replicas

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// good is a pod that nothing speaks against, and the changes make one that is
// easier to spare.
func good(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name), CreationTimestamp: metav1.NewTime(now.Add(-48 * time.Hour))},
		Spec:       corev1.PodSpec{NodeName: "node-1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-24 * time.Hour)),
		}}},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func unassigned(p *corev1.Pod) { p.Spec.NodeName = "" }
func pending(p *corev1.Pod)    { p.Status.Phase = corev1.PodPending }
func unknown(p *corev1.Pod)    { p.Status.Phase = corev1.PodUnknown }
func notReady(p *corev1.Pod)   { p.Status.Conditions[0].Status = corev1.ConditionFalse }
func cheap(p *corev1.Pod)      { p.Annotations = map[string]string{corev1.PodDeletionCost: "-5"} }
func doubled(p *corev1.Pod)    { p.Spec.NodeName = "node-2" }
func readyLately(p *corev1.Pod) {
	p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(-time.Minute))
}
func restarted(p *corev1.Pod) {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 3}}
}
func young(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour)) }

// The criteria count in this order: each pod is easier to spare than all that
// follow, even if those fail every later criterion.
func TestSurplusOrder(t *testing.T) {
	criteria := []struct {
		name string
		make func(*corev1.Pod)
	}{
		{"unassigned", unassigned}, {"pending", pending}, {"unknown", unknown}, {"not ready", notReady}, {"cheap", cheap},
		{"doubled up", doubled}, {"ready lately", readyLately}, {"restarted", restarted}, {"young", young},
	}
	perNode := func(node string) int { return map[string]int{"node-1": 1, "node-2": 2}[node] }
	for i, criterion := range criteria {
		t.Run(criterion.name, func(t *testing.T) {
			first := good("z", criterion.make)
			second := good("a")
			for _, later := range criteria[i+1:] {
				if criterion.name == "pending" && later.name == "unknown" {
					continue // a pod has one phase
				}
				later.make(second)
			}
			pods := []*corev1.Pod{second, first}
			surplusOrder(pods, perNode, now)
			if pods[0] != first {
				t.Errorf("a pod that is %s is kept although the other is not", criterion.name)
			}
		})
	}
}

func anyPod(t *rapid.T, name string) *corev1.Pod {
	p := good(name)
	for _, change := range []func(*corev1.Pod){unassigned, pending, unknown, notReady, cheap, doubled, readyLately, restarted, young} {
		if rapid.Bool().Draw(t, "change") {
			change(p)
		}
	}
	return p
}

// The plan closes the gap exactly, up to the burst; it deletes no pod twice, and
// none that is ready while one that is not stays.
func TestPlanClosesTheGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pods []*corev1.Pod
		for i := range rapid.IntRange(0, 12).Draw(t, "pods") {
			pods = append(pods, anyPod(t, string(rune('a'+i))))
		}
		wanted := rapid.IntRange(0, 1000).Draw(t, "wanted")
		if rapid.Bool().Draw(t, "few") {
			wanted = min(wanted, len(pods))
		}
		before := slices.Clone(pods)
		got := plan(wanted, pods, pods, now)
		if !slices.Equal(before, pods) {
			t.Fatal("the plan has changed the order of the pods it was given")
		}
		if want := min(max(0, wanted-len(pods)), burst); got.create != want {
			t.Fatalf("creates %d, want %d", got.create, want)
		}
		if want := max(0, len(pods)-wanted); len(got.delete) != want {
			t.Fatalf("deletes %d, want %d", len(got.delete), want)
		}
		deleted := map[types.UID]bool{}
		readyDeleted := false
		for _, p := range got.delete {
			if deleted[p.UID] {
				t.Fatalf("deletes %s twice", p.Name)
			}
			deleted[p.UID] = true
			readyDeleted = readyDeleted || p.Status.Conditions[0].Status == corev1.ConditionTrue && p.Status.Phase == corev1.PodRunning && p.Spec.NodeName != ""
		}
		for _, p := range pods {
			if readyDeleted && !deleted[p.UID] && p.Status.Conditions[0].Status == corev1.ConditionFalse {
				t.Fatalf("%s is not ready and stays while a ready one goes", p.Name)
			}
		}
	})
}
