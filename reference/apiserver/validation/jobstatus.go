package validation

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// JobStatusUpdate checks a write to a Job's status, by whatever controller manages the Job (KEP-4368).
// Most rules look only at what the write changes, so that a status from before them can be kept.
func JobStatusUpdate(j, old *batchv1.Job) field.ErrorList {
	s, was := &j.Status, &old.Status
	errs := append(updatedMeta(&j.ObjectMeta, &old.ObjectMeta), counts(
		count{"active", s.Active},
		count{"succeeded", s.Succeeded},
		count{"failed", s.Failed},
	)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("ready"), s.Ready)...)
	errs = append(errs, nonNegativePtr(statusPath.Child("terminating"), s.Terminating)...)
	errs = append(errs, uncountedPods(s.UncountedTerminatedPods)...)
	errs = append(errs, jobIndexes(j, old)...)
	errs = append(errs, jobOutcome(j, old)...)
	errs = append(errs, jobTimes(j, old)...)
	if jobFinished(j) && !jobFinished(old) {
		errs = append(errs, newlyFinished(j)...)
	}
	if s.Ready != nil && *s.Ready > s.Active && (!equal(s.Ready, was.Ready) || s.Active != was.Active) {
		errs = append(errs, field.Invalid(statusPath.Child("ready"), *s.Ready, "cannot set more ready pods than active"))
	}
	if s.Failed < was.Failed {
		errs = append(errs, field.Invalid(statusPath.Child("failed"), s.Failed, "cannot decrease the failed counter"))
	}
	// A resized Job forgets the pods of indexes that it no longer has.
	if resizable := jobIndexed(&j.Spec) && equal(j.Spec.Completions, j.Spec.Parallelism); s.Succeeded < was.Succeeded && !resizable {
		errs = append(errs, field.Invalid(statusPath.Child("succeeded"), s.Succeeded, "cannot decrease the succeeded counter"))
	}
	return errs
}

func uncountedPods(u *batchv1.UncountedTerminatedPods) (errs field.ErrorList) {
	if u == nil {
		return nil
	}
	p, seen := statusPath.Child("uncountedTerminatedPods"), sets.New[types.UID]()
	check := func(p *field.Path, uids []types.UID) {
		for i, uid := range uids {
			switch {
			case uid == "":
				errs = append(errs, field.Invalid(p.Index(i), uid, "must not be empty"))
			case seen.Has(uid):
				errs = append(errs, field.Duplicate(p.Index(i), uid))
			}
			seen.Insert(uid)
		}
	}
	check(p.Child("succeeded"), u.Succeeded)
	check(p.Child("failed"), u.Failed)
	return errs
}

func jobIndexes(j, old *batchv1.Job) (errs field.ErrorList) {
	s, was, completions := &j.Status, &old.Status, int32(0)
	if j.Spec.Completions != nil {
		completions = *j.Spec.Completions
	}
	if s.CompletedIndexes != was.CompletedIndexes {
		p := statusPath.Child("completedIndexes")
		if s.CompletedIndexes != "" && !jobIndexed(&j.Spec) {
			errs = append(errs, field.Invalid(p, s.CompletedIndexes, "cannot set non-empty completedIndexes when non-indexed completion mode"))
		} else if _, err := countIndexes(s.CompletedIndexes, completions); err != nil {
			errs = append(errs, field.Invalid(p, s.CompletedIndexes, "error parsing completedIndexes: "+err.Error()))
		}
	}
	if s.FailedIndexes != nil && !equal(s.FailedIndexes, was.FailedIndexes) {
		p := statusPath.Child("failedIndexes")
		if j.Spec.BackoffLimitPerIndex == nil {
			errs = append(errs, field.Invalid(p, *s.FailedIndexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"))
		} else if _, err := countIndexes(*s.FailedIndexes, completions); err != nil {
			errs = append(errs, field.Invalid(p, *s.FailedIndexes, "error parsing failedIndexes: "+err.Error()))
		}
	}
	return errs
}

// jobOutcome: a Job ends once, in one way, and says first why it is about to.
func jobOutcome(j, old *batchv1.Job) (errs field.ErrorList) {
	changed := func(types ...batchv1.JobConditionType) bool {
		for _, t := range types {
			if jobIs(j, t) != jobIs(old, t) {
				return true
			}
		}
		return false
	}
	refuse := func(detail string) {
		errs = append(errs, field.Invalid(statusPath.Child("conditions"), field.OmitValueType{}, detail))
	}
	complete, failed := jobIs(j, batchv1.JobComplete), jobIs(j, batchv1.JobFailed)
	target, met := jobIs(j, batchv1.JobFailureTarget), jobIs(j, batchv1.JobSuccessCriteriaMet)
	if complete && failed && changed(batchv1.JobComplete, batchv1.JobFailed) {
		refuse("cannot set Complete=True and Failed=true conditions")
	}
	if complete && target && changed(batchv1.JobComplete, batchv1.JobFailureTarget) {
		refuse("cannot set Complete=True and FailureTarget=true conditions")
	}
	if failed && !target && changed(batchv1.JobFailed, batchv1.JobFailureTarget) {
		refuse("cannot set Failed=True condition without the FailureTarget=true condition")
	}
	if complete && !met && changed(batchv1.JobComplete, batchv1.JobSuccessCriteriaMet) {
		refuse("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
	}
	for _, t := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobFailureTarget} {
		if jobIs(old, t) && !jobIs(j, t) {
			refuse(fmt.Sprintf("cannot disable the terminal %s=True condition", t))
		}
	}
	if jobIs(old, batchv1.JobSuccessCriteriaMet) && !met {
		refuse("cannot disable the SuccessCriteriaMet=True condition")
	}
	return errs
}

func jobTimes(j, old *batchv1.Job) (errs field.ErrorList) {
	s, was := &j.Status, &old.Status
	p := statusPath.Child("completionTime")
	complete, wasComplete := jobIs(j, batchv1.JobComplete), jobIs(old, batchv1.JobComplete)
	started, ended := !sameTime(s.StartTime, was.StartTime), !sameTime(s.CompletionTime, was.CompletionTime)
	if complete != wasComplete || ended {
		if s.CompletionTime != nil && !complete {
			errs = append(errs, field.Invalid(p, s.CompletionTime, "cannot set completionTime when there is no Complete=True condition"))
		}
		if s.CompletionTime == nil && complete {
			errs = append(errs, field.Required(p, "completionTime is required for Complete jobs"))
		}
	}
	if (started || ended) && s.StartTime != nil && s.CompletionTime != nil && s.CompletionTime.Before(s.StartTime) {
		errs = append(errs, field.Invalid(p, s.CompletionTime, "completionTime cannot be set before startTime"))
	}
	if ended && s.CompletionTime != nil && was.CompletionTime != nil {
		errs = append(errs, field.Invalid(p, s.CompletionTime, "completionTime cannot be mutated"))
	}
	if started && was.StartTime != nil && !isTrue(j.Spec.Suspend) {
		if s.StartTime == nil {
			errs = append(errs, field.Required(statusPath.Child("startTime"), "startTime cannot be removed for unsuspended job"))
		} else {
			errs = append(errs, field.Invalid(statusPath.Child("startTime"), s.StartTime, "startTime cannot be modified for unsuspended job"))
		}
	}
	return errs
}

func sameTime(a, b *metav1.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(b)
}

// newlyFinished: a Job has finished when all its pods have, and have been counted. One that is suspended and has
// nothing to do finishes without ever having been started.
func newlyFinished(j *batchv1.Job) (errs field.ErrorList) {
	s := &j.Status
	idle := isTrue(j.Spec.Suspend) && j.Spec.Completions != nil && *j.Spec.Completions == 0
	if s.Active > 0 {
		errs = append(errs, field.Invalid(statusPath.Child("active"), s.Active, "active>0 is invalid for finished job"))
	}
	if s.Terminating != nil && *s.Terminating > 0 {
		errs = append(errs, field.Invalid(statusPath.Child("terminating"), *s.Terminating, "terminating>0 is invalid for finished job"))
	}
	if s.StartTime == nil && !idle {
		errs = append(errs, field.Required(statusPath.Child("startTime"), "startTime is required for finished job"))
	}
	if u := s.UncountedTerminatedPods; u != nil && len(u.Succeeded)+len(u.Failed) > 0 {
		errs = append(errs, field.Invalid(statusPath.Child("uncountedTerminatedPods"), u, "uncountedTerminatedPods needs to be empty for finished job"))
	}
	return errs
}

func jobFinished(j *batchv1.Job) bool {
	return jobIs(j, batchv1.JobComplete) || jobIs(j, batchv1.JobFailed)
}

func jobIs(j *batchv1.Job, t batchv1.JobConditionType) bool {
	for _, c := range j.Status.Conditions {
		if c.Type == t && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
