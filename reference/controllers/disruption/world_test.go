package disruption

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// However late the controller learns what has been evicted, crashes included, it
// never lets more go than the budget has; and in the end the status tells the truth.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		needed := rapid.IntRange(0, 5).Draw(t, "needed")
		b := budget(of(needed), nil)
		objects := []sim.Object{b}
		for _, pod := range some(8, rapid.IntRange(4, 8).Draw(t, "ready")) {
			objects = append(objects, pod)
		}
		b.UID, b.Generation = "", 0
		evict := func(t *rapid.T) sim.Act {
			from, count := rapid.IntRange(0, 7).Draw(t, "from"), rapid.IntRange(1, 4).Draw(t, "count")
			vanish := rapid.Bool().Draw(t, "at once")
			return func(w *sim.World) {
				for i := range count {
					evictOne(w, fmt.Sprintf("web-%d", (from+i)%8), vanish)
				}
			}
		}
		return sim.Scenario{
			Controllers: map[string]sim.New{"disruption": func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
				return New(client, shared, Scales{}, events)
			}},
			Objects: objects,
			Nodes:   -1,
			Actions: map[string]sim.Action{
				"evict": evict, "evict again": evict,
				"need": func(t *rapid.T) sim.Act {
					needed := rapid.IntRange(0, 5).Draw(t, "needed")
					return func(w *sim.World) {
						sim.Update(w, "web", func(b *policyv1.PodDisruptionBudget) { b.Spec.MinAvailable = of(needed) })
					}
				},
			},
			Invariants: map[string]sim.Invariant{"the budget is kept": budgetKept},
			Settled:    settled,
		}
	})
}

// evictOne does what the eviction subresource does, as one act: it takes from the
// budget and has the pod deleted, or does nothing. The pod vanishes at once, or
// stays for a while, as one with a grace period does.
func evictOne(w *sim.World, name string, vanish bool) {
	b, _ := sim.Get[*policyv1.PodDisruptionBudget](w, "web")
	pod, there := sim.Get[*corev1.Pod](w, name)
	if !there || pod.DeletionTimestamp != nil || b.Status.ObservedGeneration < b.Generation || b.Status.DisruptionsAllowed <= 0 {
		return
	}
	sim.UpdateStatus(w, "web", func(b *policyv1.PodDisruptionBudget) {
		b.Status.DisruptionsAllowed--
		if b.Status.DisruptedPods == nil {
			b.Status.DisruptedPods = map[string]metav1.Time{}
		}
		b.Status.DisruptedPods[name] = metav1.Now().Rfc3339Copy()
	})
	if !vanish {
		sim.Update(w, name, func(p *corev1.Pod) { p.Finalizers = []string{"example.com/stay"} })
		defer func() {
			w.Sleep(3 * time.Second)
			sim.Update(w, name, func(p *corev1.Pod) { p.Finalizers = nil })
		}()
	}
	sim.Delete[*corev1.Pod](w, name)
}

func healthy(w *sim.World) (count int32) {
	for _, pod := range sim.List[*corev1.Pod](w) {
		if controller.IsReady(pod) && pod.DeletionTimestamp == nil {
			count++
		}
	}
	return count
}

// budgetKept checks what the controller promises: as many as it allows can go, of
// those that are there now, and what is needed is left.
func budgetKept(w *sim.World, write sim.Write) error {
	b, ok := sim.Get[*policyv1.PodDisruptionBudget](w, "web")
	if !ok || write.Actor != "disruption" || b.Status.DisruptionsAllowed == 0 || b.Status.ObservedGeneration < b.Generation {
		return nil
	}
	if left := healthy(w) - b.Status.DisruptionsAllowed; left < b.Status.DesiredHealthy {
		return fmt.Errorf("%d may go of %d that are healthy, %d are needed", b.Status.DisruptionsAllowed, healthy(w), b.Status.DesiredHealthy)
	}
	return nil
}

func settled(w *sim.World) error {
	b, _ := sim.Get[*policyv1.PodDisruptionBudget](w, "web")
	s, want := b.Status, healthy(w)
	if s.CurrentHealthy != want || s.DesiredHealthy != b.Spec.MinAvailable.IntVal || s.ObservedGeneration != b.Generation ||
		int(s.ExpectedPods) != len(sim.List[*corev1.Pod](w)) || s.DisruptionsAllowed != max(0, want-s.DesiredHealthy) || len(s.DisruptedPods) != 0 {
		return fmt.Errorf("status %+v with %d healthy", s, want)
	}
	return nil
}
