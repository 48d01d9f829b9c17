package statefulset

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// view is all that a decision is made from.
type view struct {
	set             *appsv1.StatefulSet
	pods            map[int]*corev1.Pod // by ordinal
	claims          lookup
	current, update string // names of revisions
	now             time.Time
}

// decision is what to do, in this order. It is over at the first error.
type decision struct {
	finished []*corev1.Pod // have ended: to be removed, and made anew once gone
	create   []birth
	claims   []int         // ordinals of pods that wait for claims which are missing
	repair   []*corev1.Pod // have lost labels of their identity
	retain   []*corev1.Pod // whose claims' owners are not what the retention policy says
	remove   []*corev1.Pod
}

// birth is a pod to be made.
type birth struct {
	ordinal  int
	revision string
}

// plan says what the next step is towards what the set asks for.
func plan(v *view) decision {
	var d decision
	if v.set.DeletionTimestamp != nil {
		return d
	}
	if !v.keep(&d) || !v.scaleDown(&d) {
		return d
	}
	if v.set.Spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		v.roll(&d)
	}
	return d
}

// keep sees to the pods that the set asks for. It reports whether the rest may be
// seen to: in order, that is when all of these are as they should be.
func (v *view) keep(d *decision) bool {
	for ordinal := start(v.set); inRange(v.set, ordinal); ordinal++ {
		if !v.keepOne(d, ordinal) && v.ordered() {
			return false
		}
	}
	return true
}

// keepOne sees to one of them and reports whether it is as it should be.
func (v *view) keepOne(d *decision, ordinal int) bool {
	pod := v.pods[ordinal]
	switch {
	case pod == nil:
		if !doomed(v.set, ordinal, v.claims) {
			d.create = append(d.create, birth{ordinal, v.revisionFor(ordinal)})
		}
		return false
	case controller.IsFinished(pod):
		// Whether it failed or succeeded: it was to run for ever.
		if pod.DeletionTimestamp == nil {
			d.finished = append(d.finished, pod)
		}
		return false
	}
	if pod.DeletionTimestamp == nil && !isRunning(pod) && claimless(v.set, ordinal, v.claims) {
		d.claims = append(d.claims, ordinal)
	}
	if v.ordered() && !v.healthy(pod) {
		return false
	}
	if pod.DeletionTimestamp == nil {
		if !identified(pod, ordinal) {
			d.repair = append(d.repair, pod)
		}
		if !ownersSettled(v.set, pod, ordinal, v.claims) {
			d.retain = append(d.retain, pod)
		}
	}
	return v.healthy(pod)
}

// scaleDown removes the pods that the set no longer asks for, highest first. It
// reports whether an update may go on.
func (v *view) scaleDown(d *decision) bool {
	var condemned []int
	for ordinal, pod := range v.pods {
		if inRange(v.set, ordinal) {
			continue
		}
		condemned = append(condemned, ordinal)
		if !ownersSettled(v.set, pod, ordinal, v.claims) {
			d.retain = append(d.retain, pod)
		}
	}
	slices.Sort(condemned)
	slices.Reverse(condemned)
	slices.SortFunc(d.retain, byName)
	if !v.ordered() {
		for _, ordinal := range condemned {
			if pod := v.pods[ordinal]; pod.DeletionTimestamp == nil {
				d.remove = append(d.remove, pod)
			}
		}
		return true
	}
	if len(condemned) == 0 {
		return true
	}
	if last := v.pods[condemned[0]]; v.mayGo(last, condemned) {
		d.remove = append(d.remove, last)
	}
	return false
}

// mayGo reports whether the last pod of the condemned, which are given highest
// first, can be removed. One that is not well goes if it is the only such one:
// the others may be what it waits for. Nobody waits for one that has ended, as it
// will never be well.
func (v *view) mayGo(last *corev1.Pod, condemned []int) bool {
	if last.DeletionTimestamp != nil {
		return false
	}
	if v.healthy(last) || controller.IsFinished(last) {
		return true
	}
	for _, ordinal := range condemned {
		if pod := v.pods[ordinal]; pod != last && !controller.IsFinished(pod) && (!isReady(pod) || pod.DeletionTimestamp != nil) {
			return false
		}
	}
	return !isReady(last) // what is only not available yet soon will be
}

// ordered reports whether one pod is to be changed at a time.
func (v *view) ordered() bool {
	return v.set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement
}

// healthy reports whether the pod is running, ready, so for long enough, and to stay.
func (v *view) healthy(pod *corev1.Pod) bool {
	return pod != nil && pod.DeletionTimestamp == nil && isAvailable(pod, v.set.Spec.MinReadySeconds, v.now)
}

func isRunning(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

func isReady(pod *corev1.Pod) bool { return isRunning(pod) && controller.IsReady(pod) }

func isAvailable(pod *corev1.Pod, minReadySeconds int32, now time.Time) bool {
	wait, ok := controller.AvailableIn(pod, minReadySeconds, now)
	return ok && wait <= 0 && isRunning(pod)
}
