package job

import (
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// anyJob draws a Job of one of many shapes.
func anyJob(t *rapid.T) *batchv1.Job {
	parallelism := rapid.Int32Range(1, 4).Draw(t, "parallelism")
	j := newJob(rapid.Int32Range(0, 6).Draw(t, "completions"), parallelism, func(j *batchv1.Job) {
		inWorld(j)
		j.Spec.BackoffLimit = ptr.To(rapid.SampledFrom([]int32{0, 1, 3, 100, 100}).Draw(t, "backoffLimit"))
	})
	oneIn := func(n int, what string) bool { return rapid.IntRange(1, n).Draw(t, what) == 1 }
	if oneIn(3, "onlyFailed") {
		onlyFailed(j)
	}
	if oneIn(4, "policy") {
		onlyFailed(j)
		j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
			exits(batchv1.PodFailurePolicyActionFailJob, "In", "", 3), exits(batchv1.PodFailurePolicyActionIgnore, "In", "", 2),
		}}
	}
	if oneIn(6, "deadline") {
		j.Spec.ActiveDeadlineSeconds = ptr.To(rapid.Int64Range(1, 300).Draw(t, "activeDeadlineSeconds"))
	}
	if oneIn(8, "suspended") {
		suspended(j)
	}
	switch {
	case oneIn(5, "workQueue"):
		j.Spec.Completions = nil
	case oneIn(2, "indexed"):
		indexed(j)
		if oneIn(2, "perIndex") {
			perIndex(rapid.Int32Range(0, 2).Draw(t, "backoffLimitPerIndex"))(j)
			if oneIn(2, "limited") {
				j.Spec.MaxFailedIndexes = ptr.To(rapid.Int32Range(0, *j.Spec.Completions).Draw(t, "maxFailedIndexes"))
			}
		}
		if oneIn(3, "successPolicy") {
			j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{
				{SucceededCount: ptr.To(rapid.Int32Range(1, max(1, *j.Spec.Completions)).Draw(t, "succeededCount"))},
			}}
		}
	}
	return j
}

// inWorld makes the Job one that the simulated API server is about to get: with the labels and the selector that its
// uid is going to give it.
func inWorld(j *batchv1.Job) {
	j.Status = batchv1.JobStatus{}
	labels := map[string]string{batchv1.ControllerUidLabel: "job-0001", batchv1.JobNameLabel: j.Name}
	j.Spec.Selector.MatchLabels = map[string]string{batchv1.ControllerUidLabel: "job-0001"}
	j.Spec.Template.Labels = labels
}

// fate has two in five pods fail, as long as the world is not to come to rest.
func fate(w *sim.World, pod *corev1.Pod) sim.Fate {
	h := fnv.New32a()
	_, _ = h.Write([]byte(pod.Name))
	n := h.Sum32() >> 7
	f := sim.Fate{
		Schedule: time.Duration(n%3) * 300 * time.Millisecond, Start: time.Duration(n%5) * time.Second, Ready: time.Second,
		Finish: time.Duration(n%7) * 3 * time.Second, Phase: corev1.PodSucceeded, Stop: time.Duration(n%4) * 3 * time.Second,
	}
	var code int32
	if (n>>3)%5 < 2 && !w.Calm() {
		f.Phase, code = corev1.PodFailed, int32(1+(n>>6)%3)
	}
	f.Status = func(s *corev1.PodStatus) {
		s.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.Now()},
		}}}
	}
	return f
}

// tally is what has in truth become of the pods: it sees every write.
type tally struct {
	succeeded, failed int                // pods that were let go of when they had succeeded, or failed so that it counts
	counted           map[types.UID]bool // those pods
	done              []int              // the indexes of those that had succeeded
	resized, deleted  bool
	parallelism       int32 // the most that was ever asked for
	// orphaned are the pods that someone has taken from the Job before they were let go of. One that had ended by
	// then, or was seen to end as the Job's, may have been counted: the news of the two come in any order.
	orphaned int
}

func (y *tally) see(_ *sim.World, write sim.Write) error {
	if job, ok := write.After.(*batchv1.Job); ok {
		before, _ := write.Before.(*batchv1.Job)
		y.parallelism = max(y.parallelism, *job.Spec.Parallelism)
		y.resized = y.resized || before != nil && ptr.Deref(before.Spec.Completions, -1) != ptr.Deref(job.Spec.Completions, -1)
		y.deleted = y.deleted || job.DeletionTimestamp != nil
		if write.Actor == "job" && before != nil {
			if errs := validation.JobStatusUpdate(job, before); len(errs) > 0 {
				return errs.ToAggregate()
			}
		}
		return nil
	}
	if _, ok := write.Before.(*batchv1.Job); ok && write.After == nil {
		y.deleted = true
	}
	if before, ok := write.Before.(*corev1.Pod); ok && write.Actor == "user" && isTracked(before) && metav1.GetControllerOf(before) != nil {
		if after, ok := write.After.(*corev1.Pod); ok && metav1.GetControllerOf(after) == nil {
			y.orphaned++
		}
	}
	return nil
}

// letGo counts a pod that loses its finalizer, as what it is then.
func (y *tally) letGo(w *sim.World, write sim.Write) error {
	before, ok := write.Before.(*corev1.Pod)
	if !ok || write.Actor != "job" || !isTracked(before) || write.Verb != "patch" {
		return nil
	}
	if after, ok := write.After.(*corev1.Pod); ok && (isTracked(after) || metav1.GetControllerOf(after) == nil) {
		return nil
	}
	job, ok := sim.Get[*batchv1.Job](w, "work")
	if !ok || !metav1.IsControlledBy(before, job) {
		return nil
	}
	if y.counted[before.UID] {
		return fmt.Errorf("pod %s is let go of again", before.Name)
	}
	switch {
	case before.Status.Phase == corev1.PodSucceeded:
		y.counted[before.UID] = true
		y.succeeded++
		y.done = append(y.done, indexOf(before))
	case before.Status.Phase == corev1.PodFailed || before.DeletionTimestamp != nil:
		if judge(job.Spec.PodFailurePolicy, before).counts() {
			y.counted[before.UID] = true
			y.failed++
		}
	}
	return nil
}

// bounds checks that no pod is made beyond the Job's bounds.
func (y *tally) bounds(w *sim.World, write sim.Write) error {
	if write.Actor != "job" || write.Kind != "Pod" || write.Verb != "create" {
		return nil
	}
	job, ok := sim.Get[*batchv1.Job](w, "work")
	if !ok {
		return nil
	}
	active, going, succeeded, at := 0, 0, 0, map[int]int{}
	for _, pod := range sim.List[*corev1.Pod](w) {
		if !metav1.IsControlledBy(pod, job) {
			continue
		}
		switch {
		case controller.IsActive(pod):
			active++
			at[indexOf(pod)]++
		case controller.IsTerminating(pod) && replacesOnlyFailed(job):
			going++
		case pod.Status.Phase == corev1.PodSucceeded && isTracked(pod):
			succeeded++
		}
	}
	// A creation that was on its way when the process died may come after its successor has looked.
	unheard := w.Unanswered("job")
	if active+going > int(y.parallelism)+unheard {
		return fmt.Errorf("%d pods are active and %d going, with a parallelism of at most %d", active, going, y.parallelism)
	}
	if isIndexed(job) {
		for index, count := range at {
			if count > 1+unheard {
				return fmt.Errorf("%d pods of index %d", count, index)
			}
		}
		return nil
	}
	if job.Spec.Completions != nil && active+succeeded+y.succeeded > int(*job.Spec.Completions)+unheard {
		return fmt.Errorf("%d active, %d+%d succeeded, of %d completions", active, succeeded, y.succeeded, *job.Spec.Completions)
	}
	return nil
}

// settled compares the status with the truth.
func (y *tally) settled(w *sim.World) error {
	for _, pod := range sim.List[*corev1.Pod](w) {
		job, there := sim.Get[*batchv1.Job](w, "work")
		if there && metav1.IsControlledBy(pod, job) && isSuspended(job) && job.Spec.BackoffLimitPerIndex != nil {
			continue // the last failure of an index is kept, for its count, until the index is run again
		}
		if isTracked(pod) && (!there || !metav1.IsControlledBy(pod, job) || controller.IsFinished(pod)) {
			return fmt.Errorf("pod %s keeps its finalizer", pod.Name)
		}
	}
	job, there := sim.Get[*batchv1.Job](w, "work")
	if !there || y.deleted {
		return nil
	}
	s := job.Status
	if !isFinished(job) && !isSuspended(job) && *job.Spec.Parallelism > 0 {
		return fmt.Errorf("the Job has not ended: %+v", s)
	}
	if u := s.UncountedTerminatedPods; u != nil && len(u.Succeeded)+len(u.Failed) > 0 {
		return fmt.Errorf("not yet counted: %+v", *u)
	}
	end := ptr.Deref(trueCondition(&s, batchv1.JobSuccessCriteriaMet), ptr.Deref(trueCondition(&s, batchv1.JobFailureTarget), batchv1.JobCondition{}))
	succeeded, failed := int(s.Succeeded), int(s.Failed)
	wrong := fmt.Errorf("%d succeeded %q and %d failed, in truth %d %q and %d", succeeded, s.CompletedIndexes, failed, y.succeeded, setOf(y.done), y.failed)
	switch {
	case y.resized:
	case end.Reason == batchv1.JobReasonSuccessPolicy:
		// What fails when the Job stops it is no failure.
		if s.CompletedIndexes != setOf(y.done).String() || failed > y.failed {
			return wrong
		}
	case isIndexed(job):
		if s.CompletedIndexes != setOf(y.done).String() || succeeded != setOf(y.done).total() || failed != y.failed {
			return wrong
		}
	case succeeded < y.succeeded || failed < y.failed || succeeded+failed > y.succeeded+y.failed+y.orphaned:
		return wrong
	}
	return nil
}

// Whatever happens, a Job never has more pods than it may, counts each once, says nothing that the API server
// would refuse, and ends.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		job := anyJob(t)
		truth := &tally{counted: map[types.UID]bool{}, parallelism: *job.Spec.Parallelism}
		return sim.Scenario{
			Controllers: map[string]sim.New{"job": sim.Controller(New)},
			Objects:     []sim.Object{job},
			Pods:        fate,
			Garbage:     true,
			Actions:     actions(job),
			Invariants: map[string]sim.Invariant{
				"1 writes": truth.see, "2 counts": truth.letGo, "3 bounds": truth.bounds,
			},
			Settled: truth.settled,
		}
	})
}

func actions(job *batchv1.Job) map[string]sim.Action {
	update := func(change func(*batchv1.Job)) sim.Act {
		return func(w *sim.World) {
			if j, ok := sim.Get[*batchv1.Job](w, "work"); ok && !isFinished(j) {
				sim.Update(w, "work", change)
			}
		}
	}
	all := map[string]sim.Action{
		"parallelism": func(t *rapid.T) sim.Act {
			n := rapid.Int32Range(1, 5).Draw(t, "parallelism")
			return update(func(j *batchv1.Job) { j.Spec.Parallelism = &n })
		},
		"suspend": func(*rapid.T) sim.Act { return update(suspended) },
		"resume":  func(*rapid.T) sim.Act { return update(func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(false) }) },
		"delete": func(t *rapid.T) sim.Act {
			policy := rapid.SampledFrom([]metav1.DeletionPropagation{
				metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
			}).Draw(t, "policy")
			seldom := rapid.IntRange(0, 4).Draw(t, "seldom") == 0
			return func(w *sim.World) {
				if seldom {
					sim.Delete[*batchv1.Job](w, "work", policy)
				}
			}
		},
		"orphan": func(t *rapid.T) sim.Act {
			n := rapid.IntRange(0, 31).Draw(t, "which")
			return func(w *sim.World) {
				if pods := sim.List[*corev1.Pod](w); len(pods) > 0 && !isIndexed(job) {
					sim.Update(w, pods[n%len(pods)].Name, func(p *corev1.Pod) { p.OwnerReferences = nil })
				}
			}
		},
	}
	if isIndexed(job) {
		all["resize"] = func(t *rapid.T) sim.Act {
			n := rapid.Int32Range(1, 5).Draw(t, "completions")
			return update(func(j *batchv1.Job) { j.Spec.Completions, j.Spec.Parallelism = &n, &n })
		}
	}
	return all
}
