package replicaset

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// Whatever happens, a set never has more active pods than it asked for while
// they were made, and in the end exactly those.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		set := newSet(rapid.Int32Range(0, 5).Draw(t, "replicas"))
		set.Spec.MinReadySeconds = rapid.SampledFrom([]int32{0, 10}).Draw(t, "minReadySeconds")
		return sim.Scenario{
			Controllers: map[string]sim.New{"replicaset": sim.Controller(New)},
			Objects:     []sim.Object{set},
			Actions: map[string]sim.Action{
				"scale": func(t *rapid.T) sim.Act {
					replicas := rapid.Int32Range(0, 8).Draw(t, "replicas")
					return func(w *sim.World) {
						sim.Update(w, key.Name, func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = &replicas })
					}
				},
				"orphan": func(t *rapid.T) sim.Act {
					name := fmt.Sprintf("orphan-%d", rapid.IntRange(0, 2).Draw(t, "name"))
					return func(w *sim.World) {
						w.Create(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}}})
					}
				},
				"relabel": func(t *rapid.T) sim.Act {
					n, app := rapid.IntRange(0, 9).Draw(t, "which"), rapid.SampledFrom([]string{"web", "debug"}).Draw(t, "app")
					return func(w *sim.World) {
						if pods := sim.List[*corev1.Pod](w); len(pods) > 0 {
							sim.Update(w, pods[n%len(pods)].Name, func(p *corev1.Pod) { p.Labels = map[string]string{"app": app} })
						}
					}
				},
			},
			Invariants: map[string]sim.Invariant{"no pod too many": noneTooMany()},
			Settled:    settled,
		}
	})
}

// noneTooMany checks that no pod is made while there are as many as the set has
// ever asked for: a stale cache must not make a controller create twice. What it
// was not told of, because an answer was lost, it may make once more.
func noneTooMany() sim.Invariant {
	var most int32
	return func(w *sim.World, write sim.Write) error {
		rs, ok := sim.Get[*appsv1.ReplicaSet](w, key.Name)
		if !ok {
			return nil
		}
		most = max(most, *rs.Spec.Replicas)
		if write.Actor != "replicaset" || write.Kind != "Pod" || write.Verb != "create" {
			return nil
		}
		var active int32
		for _, pod := range sim.List[*corev1.Pod](w) {
			if metav1.IsControlledBy(pod, rs) && controller.IsActive(pod) {
				active++
			}
		}
		if unheard := int32(w.Unanswered("replicaset")); active > most+unheard {
			return fmt.Errorf("pod %d was made, although at most %d were asked for ever", active, most)
		}
		return nil
	}
}

func settled(w *sim.World) error {
	rs, _ := sim.Get[*appsv1.ReplicaSet](w, key.Name)
	var own, ready int32
	for _, pod := range sim.List[*corev1.Pod](w) {
		mine := metav1.IsControlledBy(pod, rs)
		if matches := pod.Labels["app"] == "web"; matches != mine && !controller.IsFinished(pod) {
			return fmt.Errorf("pod %s with labels %v is owned: %t", pod.Name, pod.Labels, mine)
		}
		if mine && controller.IsActive(pod) {
			own++
			if controller.IsReady(pod) {
				ready++
			}
		}
	}
	want := *rs.Spec.Replicas
	if own != want || ready != want {
		return fmt.Errorf("%d pods of which %d are ready, want %d", own, ready, want)
	}
	s := rs.Status
	if s.Replicas != want || s.ReadyReplicas != want || s.AvailableReplicas != want || s.ObservedGeneration != rs.Generation || len(s.Conditions) > 0 ||
		ptr.Deref(s.TerminatingReplicas, -1) != 0 {
		return fmt.Errorf("status %+v", s)
	}
	return nil
}
