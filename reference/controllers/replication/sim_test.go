package replication

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// Whatever happens, in the end there are as many ready pods as were asked for
// last, and the status says so.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		replicas := rapid.Int32Range(0, 5).Draw(t, "replicas")
		labels := map[string]string{"app": "web"}
		rc := &corev1.ReplicationController{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec: corev1.ReplicationControllerSpec{
				Replicas: &replicas, Selector: labels,
				Template: &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
			},
		}
		return sim.Scenario{
			Controllers: map[string]sim.New{"replication": sim.Controller(New)},
			Objects:     []sim.Object{rc},
			Actions: map[string]sim.Action{
				"scale": func(t *rapid.T) sim.Act {
					replicas := rapid.Int32Range(0, 8).Draw(t, "replicas")
					return func(w *sim.World) {
						sim.Update(w, "web", func(rc *corev1.ReplicationController) { rc.Spec.Replicas = &replicas })
					}
				},
			},
			Settled: settled,
		}
	})
}

func settled(w *sim.World) error {
	rc, _ := sim.Get[*corev1.ReplicationController](w, "web")
	ready := int32(0)
	for _, pod := range sim.List[*corev1.Pod](w) {
		if controller.IsActive(pod) && controller.IsReady(pod) && metav1.IsControlledBy(pod, rc) {
			ready++
		}
	}
	want, s := *rc.Spec.Replicas, rc.Status
	if ready != want || s.Replicas != want || s.AvailableReplicas != want || s.ObservedGeneration != rc.Generation || len(s.Conditions) > 0 {
		return fmt.Errorf("%d ready pods, want %d; status %+v", ready, want, s)
	}
	return nil
}
