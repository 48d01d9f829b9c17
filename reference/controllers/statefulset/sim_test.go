package statefulset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

const simulated = "statefulset"

// simSet is a set as a user writes it.
func simSet(t *rapid.T) *appsv1.StatefulSet {
	w := newWorld(rapid.Int32Range(2, 4).Draw(t, "replicas"))
	if rapid.Bool().Draw(t, "parallel") {
		parallel(w)
	}
	rolling(w, rapid.Int32Range(0, 2).Draw(t, "partition"), rapid.IntRange(1, 2).Draw(t, "maxUnavailable"))
	w.set.Spec.MinReadySeconds = rapid.SampledFrom([]int32{0, 0, 20}).Draw(t, "minReadySeconds")
	w.set.Spec.RevisionHistoryLimit = ptr.To[int32](2)
	anyRetention(t, w)
	w.set.UID = ""
	return w.set
}

func deploy(t *rapid.T) sim.Act {
	image := rapid.SampledFrom([]string{"v1", "v2", "v3", "v4", "v5"}).Draw(t, "image")
	return func(w *sim.World) {
		sim.Update(w, "web", func(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = image })
	}
}

func change(of func(t *rapid.T) func(*appsv1.StatefulSet)) sim.Action {
	return func(t *rapid.T) sim.Act {
		apply := of(t)
		return func(w *sim.World) { sim.Update(w, "web", apply) }
	}
}

// Whatever users do and however the world is, pods come in order, those below the
// partition stay as they were, and in the end all is as the set says.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		set := simSet(t)
		return sim.Scenario{
			Controllers: map[string]sim.New{simulated: sim.Controller(New)},
			Objects:     []sim.Object{set},
			Garbage:     true,
			Actions: map[string]sim.Action{
				"deploy": deploy,
				"scale": change(func(t *rapid.T) func(*appsv1.StatefulSet) {
					replicas := rapid.Int32Range(2, 5).Draw(t, "replicas")
					return func(set *appsv1.StatefulSet) { set.Spec.Replicas = &replicas }
				}),
				"retention": change(func(t *rapid.T) func(*appsv1.StatefulSet) {
					w := &world{set: &appsv1.StatefulSet{}}
					anyRetention(t, w)
					return func(set *appsv1.StatefulSet) {
						set.Spec.PersistentVolumeClaimRetentionPolicy = w.set.Spec.PersistentVolumeClaimRetentionPolicy
					}
				}),
				"labels are lost": func(t *rapid.T) sim.Act {
					ordinal := rapid.IntRange(0, 4).Draw(t, "ordinal")
					return func(w *sim.World) {
						sim.Update(w, fmt.Sprint("web-", ordinal), func(pod *corev1.Pod) { delete(pod.Labels, appsv1.PodIndexLabel) })
					}
				},
				"pod is released": func(t *rapid.T) sim.Act {
					ordinal := rapid.IntRange(0, 4).Draw(t, "ordinal")
					return func(w *sim.World) {
						sim.Update(w, fmt.Sprint("web-", ordinal), func(pod *corev1.Pod) { pod.OwnerReferences = nil })
					}
				},
				"orphan": func(*rapid.T) sim.Act {
					return func(w *sim.World) { sim.Delete[*appsv1.StatefulSet](w, "web", metav1.DeletePropagationOrphan) }
				},
				"create again": func(*rapid.T) sim.Act {
					return func(w *sim.World) { w.Create(set.DeepCopy()) }
				},
			},
			Invariants: map[string]sim.Invariant{
				"pods are made in order":       inOrder(set.Spec.PodManagementPolicy),
				"the partition is not updated": partitioned(partition(set)),
				"one claim for each pod":       claimed,
			},
			Settled: settled,
		}
	})
}

// inOrder remembers which pods have ever been ready. A pod is not made while one
// before it never was.
func inOrder(policy appsv1.PodManagementPolicyType) sim.Invariant {
	ready := map[types.UID]bool{}
	return func(w *sim.World, write sim.Write) error {
		pod, ok := write.After.(*corev1.Pod)
		if !ok {
			return nil
		}
		if isReady(pod) {
			ready[pod.UID] = true
		}
		if write.Before != nil || policy == appsv1.ParallelPodManagement {
			return nil
		}
		for _, other := range sim.List[*corev1.Pod](w) {
			if other.Name < pod.Name && !ready[other.UID] {
				return fmt.Errorf("%s is made although %s never was ready", pod.Name, other.Name)
			}
		}
		return nil
	}
}

// partitioned sees that all pods below the partition are of the template that the
// first of them was made from.
func partitioned(partition int) sim.Invariant {
	first := map[types.UID]string{}
	return func(_ *sim.World, write sim.Write) error {
		pod, ok := write.After.(*corev1.Pod)
		if !ok || write.Before != nil {
			return nil
		}
		owner, image := metav1.GetControllerOf(pod), pod.Spec.Containers[0].Image
		if first[owner.UID] == "" {
			first[owner.UID] = image
		}
		ordinal, _ := ordinalOf(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: owner.Name}}, pod.Name)
		if want := first[owner.UID]; ordinal < partition && image != want {
			return fmt.Errorf("%s is of %s, below partition %d; the first pod was of %s", pod.Name, image, partition, want)
		}
		return nil
	}
}

// claimed sees that a new pod has its claim, and that it is of its own.
func claimed(w *sim.World, write sim.Write) error {
	pod, ok := write.After.(*corev1.Pod)
	if !ok || write.Before != nil {
		return nil
	}
	volume := pod.Spec.Volumes[0].PersistentVolumeClaim
	if volume == nil || volume.ClaimName != "data-"+pod.Name {
		return fmt.Errorf("%s has volume %+v", pod.Name, volume)
	}
	return nil
}

func settled(w *sim.World) error {
	set, ok := sim.Get[*appsv1.StatefulSet](w, "web")
	if !ok {
		return nil
	}
	pods := sim.List[*corev1.Pod](w)
	if len(pods) != wanted(set) {
		return fmt.Errorf("%d pods, want %d", len(pods), wanted(set))
	}
	for i, pod := range pods {
		image, want := pod.Spec.Containers[0].Image, set.Spec.Template.Spec.Containers[0].Image
		switch {
		case pod.Name != podName(set, i) || !identified(pod, i) || !isReady(pod) || !metav1.IsControlledBy(pod, set):
			return fmt.Errorf("pod %d is %+v", i, pod)
		case i >= partition(set) && (image != want || revisionOf(pod) != set.Status.UpdateRevision):
			return fmt.Errorf("%s is of %s (%s), want %s (%s)", pod.Name, image, revisionOf(pod), want, set.Status.UpdateRevision)
		}
		claim, ok := sim.Get[*corev1.PersistentVolumeClaim](w, "data-"+pod.Name)
		if !ok {
			continue // somebody may have taken it from a pod that runs
		}
		if _, differ := ownersOf(claim, set, pod, i); differ {
			return fmt.Errorf("owners of claim %s: %+v", claim.Name, claim.OwnerReferences)
		}
	}
	all, status := int32(wanted(set)), set.Status
	if status.ObservedGeneration != set.Generation || status.Replicas != all || status.ReadyReplicas != all || status.AvailableReplicas != all {
		return fmt.Errorf("status %+v", status)
	}
	used := map[string]bool{status.CurrentRevision: true, status.UpdateRevision: true}
	for _, pod := range pods {
		used[revisionOf(pod)] = true
	}
	if history := sim.List[*appsv1.ControllerRevision](w); len(history) > len(used)+2 {
		return fmt.Errorf("%d revisions, of which %d are in use; 2 more may be kept", len(history), len(used))
	}
	return nil
}

// An update makes no more pods unavailable than it may, of those that were ready.
// Where pods are handled in parallel, one that is not ready is updated without
// regard to the others; that it has become ready meanwhile may not be seen for
// some time, so only those that have been ready for longer count there.
func TestUpdatesKeepPodsAvailable(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		set := simSet(t)
		return sim.Scenario{
			Controllers: map[string]sim.New{simulated: sim.Controller(New)},
			Objects:     []sim.Object{set},
			Actions:     map[string]sim.Action{"deploy": deploy},
			Invariants:  map[string]sim.Invariant{"no more than maxUnavailable": boundedDown(set)},
			Settled:     settled,
		}
	})
}

// boundedDown remembers which pods the controller took while they were ready, and
// that are not ready again.
func boundedDown(set *appsv1.StatefulSet) sim.Invariant {
	var known time.Duration
	if set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement {
		known = 5 * time.Minute
	}
	down := map[string]bool{}
	return func(w *sim.World, write sim.Write) error {
		if write.Kind != "Pod" {
			return nil
		}
		name := write.Key.Name
		if now, ok := write.After.(*corev1.Pod); ok && now.DeletionTimestamp == nil && isReady(now) {
			delete(down, name)
		}
		before, ok := write.Before.(*corev1.Pod)
		if !ok || write.Actor != simulated || !strings.HasPrefix(write.Verb, "delete") || before.DeletionTimestamp != nil || !isReady(before) {
			return nil
		}
		if ready := readyFor(before, write.At); ready >= known {
			down[name] = true
		}
		if most := mostUnavailable(set) + w.Unanswered(simulated); len(down) > most {
			return fmt.Errorf("%d ready pods were taken, %d may be: %v", len(down), most, down)
		}
		return nil
	}
}

func readyFor(pod *corev1.Pod, now time.Time) time.Duration {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return now.Sub(condition.LastTransitionTime.Time)
		}
	}
	return 0
}
