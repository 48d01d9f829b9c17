package deployment_test

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
	"github.com/etalon-dev/etalon/reference/controllers/deployment"
	"github.com/etalon-dev/etalon/reference/controllers/replicaset"
)

var controllers = map[string]sim.New{"deployment": sim.Controller(deployment.New), "replicaset": sim.Controller(replicaset.New)}

func web(replicas, surge, unavailable int32, changes ...func(*appsv1.DeploymentSpec)) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	most, fewer := intstr.FromInt32(surge), intstr.FromInt32(unavailable)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &most, MaxUnavailable: &fewer},
			},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "v1"}}},
			},
		},
	}
	for _, change := range changes {
		change(&d.Spec)
	}
	return d
}

func change(do func(*appsv1.DeploymentSpec)) sim.Act {
	return func(w *sim.World) { sim.Update(w, "web", func(d *appsv1.Deployment) { do(&d.Spec) }) }
}

func roll(version int) sim.Act {
	return change(func(s *appsv1.DeploymentSpec) { s.Template.Spec.Containers[0].Image = fmt.Sprint("v", version) })
}

func deploy(t *rapid.T) sim.Act { return roll(rapid.IntRange(1, 4).Draw(t, "version")) }

func scale(t *rapid.T) sim.Act {
	replicas := rapid.Int32Range(0, 8).Draw(t, "replicas")
	return change(func(s *appsv1.DeploymentSpec) { s.Replicas = &replicas })
}

// Whatever happens, a rolling update makes no more pods than its surge allows,
// and once pods and network behave all pods are of the last template.
func TestRollingUpdateInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		surge, unavailable := rapid.Int32Range(0, 3).Draw(t, "surge"), rapid.Int32Range(0, 3).Draw(t, "unavailable")
		if surge == 0 {
			unavailable = max(unavailable, 1)
		}
		replicas := rapid.Int32Range(1, 6).Draw(t, "replicas")
		minReady := rapid.SampledFrom([]int32{0, 10}).Draw(t, "minReadySeconds")
		return sim.Scenario{
			Controllers: controllers,
			Objects:     []sim.Object{web(replicas, surge, unavailable, func(s *appsv1.DeploymentSpec) { s.MinReadySeconds = minReady })},
			Actions:     map[string]sim.Action{"deploy": deploy},
			Invariants:  map[string]sim.Invariant{"surge": surgeKept(replicas + surge), "asked": enoughAsked(replicas - unavailable)},
			Settled:     settled,
		}
	})
}

// Scaling, pausing and rolling out in any order comes to the wanted end.
func TestScalingInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		return sim.Scenario{
			Controllers: controllers,
			Objects:     []sim.Object{web(rapid.Int32Range(0, 6).Draw(t, "replicas"), 1, 1)},
			Garbage:     true,
			Actions: map[string]sim.Action{
				"deploy": deploy, "scale": scale,
				"pause":  func(*rapid.T) sim.Act { return change(func(s *appsv1.DeploymentSpec) { s.Paused = true }) },
				"resume": func(*rapid.T) sim.Act { return change(func(s *appsv1.DeploymentSpec) { s.Paused = false }) },
				"history": func(t *rapid.T) sim.Act {
					limit := rapid.Int32Range(0, 2).Draw(t, "limit")
					return change(func(s *appsv1.DeploymentSpec) { s.RevisionHistoryLimit = &limit })
				},
			},
			// The most that these actions can ever ask for, surge included.
			Invariants: map[string]sim.Invariant{"surge": surgeKept(9)},
			Settled:    settled,
		}
	})
}

// Recreate never has pods of two templates at once, terminating ones included.
func TestRecreateInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		replicas := rapid.Int32Range(0, 4).Draw(t, "replicas")
		return sim.Scenario{
			Controllers: controllers,
			Objects: []sim.Object{web(replicas, 0, 0, func(s *appsv1.DeploymentSpec) {
				s.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
			})},
			Actions:    map[string]sim.Action{"deploy": deploy},
			Invariants: map[string]sim.Invariant{"one template": oneTemplate},
			Settled:    settled,
		}
	})
}

// surgeKept checks at each creation of a pod that there are not too many. What a
// controller was not told of, because an answer was lost, it may make once more.
func surgeKept(most int32) sim.Invariant {
	return func(w *sim.World, write sim.Write) error {
		if write.Kind != "Pod" || write.Verb != "create" {
			return nil
		}
		active := int32(0)
		for _, pod := range sim.List[*corev1.Pod](w) {
			if controller.IsActive(pod) {
				active++
			}
		}
		if unheard := int32(w.Unanswered("replicaset")); active > most+unheard {
			return fmt.Errorf("there are %d pods, at most %d may be", active, most)
		}
		return nil
	}
}

// enoughAsked checks that the sets together ask for so many pods as must be
// available, once they have.
func enoughAsked(least int32) sim.Invariant {
	begun := false
	return func(w *sim.World, _ sim.Write) error {
		asked := int32(0)
		for _, rs := range sim.List[*appsv1.ReplicaSet](w) {
			asked += *rs.Spec.Replicas
		}
		begun = begun || asked >= least
		if begun && asked < least {
			return fmt.Errorf("only %d pods are asked for, so that %d can never be available", asked, least)
		}
		return nil
	}
}

func oneTemplate(w *sim.World, write sim.Write) error {
	if write.Kind != "Pod" || write.Verb != "create" {
		return nil
	}
	images := map[string]bool{}
	for _, pod := range sim.List[*corev1.Pod](w) {
		if !controller.IsFinished(pod) {
			images[pod.Spec.Containers[0].Image] = true
		}
	}
	if len(images) > 1 {
		return fmt.Errorf("pods of %v run at once", images)
	}
	return nil
}

// settled checks the end of every rollout; one that is paused only has its size.
func settled(w *sim.World) error {
	d, _ := sim.Get[*appsv1.Deployment](w, "web")
	want, active, updated := *d.Spec.Replicas, int32(0), int32(0)
	for _, pod := range sim.List[*corev1.Pod](w) {
		if controller.IsActive(pod) {
			active++
			if pod.Spec.Containers[0].Image == d.Spec.Template.Spec.Containers[0].Image {
				updated++
			}
		}
	}
	s := d.Status
	if s.ObservedGeneration != d.Generation || s.Replicas != active || s.UpdatedReplicas != updated || s.AvailableReplicas != active || s.UnavailableReplicas != 0 {
		return fmt.Errorf("%d pods, %d of the last template, status %+v", active, updated, s)
	}
	if d.Spec.Paused {
		return nil
	}
	if active != want || updated != want {
		return fmt.Errorf("%d pods of which %d are of the last template, want %d", active, updated, want)
	}
	revisions := map[string]bool{}
	sets := sim.List[*appsv1.ReplicaSet](w)
	for _, rs := range sets {
		revisions[rs.Annotations["deployment.kubernetes.io/revision"]] = true
	}
	if len(revisions) != len(sets) || len(sets)-1 > int(*d.Spec.RevisionHistoryLimit) {
		return fmt.Errorf("%d sets with revisions %v, history limit %d", len(sets), revisions, *d.Spec.RevisionHistoryLimit)
	}
	for _, c := range s.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Reason != "NewReplicaSetAvailable" && want > 0 ||
			c.Type == appsv1.DeploymentAvailable && c.Status != corev1.ConditionTrue || c.Type == appsv1.DeploymentReplicaFailure {
			return fmt.Errorf("condition %+v", c)
		}
	}
	return nil
}
