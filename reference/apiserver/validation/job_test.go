package validation_test

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

const indexedJob = `
metadata: {name: once, namespace: default}
spec:
  manualSelector: true
  selector: {matchLabels: {job: once}}
  completionMode: Indexed
  completions: 4
  parallelism: 4
  backoffLimitPerIndex: 1
  template:
    metadata: {labels: {job: once}}
    spec: {restartPolicy: Never, containers: [{name: a, image: "b:1"}]}
`

func TestJobPolicies(t *testing.T) {
	success := func(indexes string, count *int32) func(*batchv1.Job) {
		return func(j *batchv1.Job) {
			j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: &indexes, SucceededCount: count}}}
		}
	}
	failure := func(r batchv1.PodFailurePolicyRule) func(*batchv1.Job) {
		return func(j *batchv1.Job) {
			j.Spec.PodFailurePolicy, j.Spec.PodReplacementPolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{r}}, ptr(batchv1.Failed)
		}
	}
	codes := func(op batchv1.PodFailurePolicyOnExitCodesOperator, values ...int32) func(*batchv1.Job) {
		return failure(batchv1.PodFailurePolicyRule{Action: "FailJob", OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: op, Values: values}})
	}
	const indexes, rule = "spec.successPolicy.rules[0].succeededIndexes: Invalid value: ", "spec.podFailurePolicy.rules[0]"
	table(t, indexedJob, validation.Job, []row[batchv1.Job]{
		{"indexes", success("0,2-3", ptr[int32](3)), ``},
		{"index too large", success("4", nil), indexes + `"4": error parsing succeededIndexes: too large index: "4"`},
		{"no index", success("a", nil), indexes + `"a": error parsing succeededIndexes: cannot convert string to integer for index: "a"`},
		{"unordered", success("2,1", nil), indexes + `"2,1": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1`},
		{"empty range", success("2-2", nil), indexes + `"2-2": error parsing succeededIndexes: non-increasing order, previous: 2, current: 2`},
		{"more than listed", success("0", ptr[int32](2)),
			`spec.successPolicy.rules[0].succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)`},
		{"not indexed", func(j *batchv1.Job) {
			success("0", nil)(j)
			j.Spec.CompletionMode, j.Spec.BackoffLimitPerIndex = ptr(batchv1.NonIndexedCompletion), nil
		}, `spec.successPolicy: Invalid value: {"rules":[{"succeededIndexes":"0"}]}: requires indexed completion mode`},
		{"codes", codes("In", 1, 2), ``},
		{"unordered codes", codes("In", 2, 1), rule + `.onExitCodes.values: Invalid value: [2,1]: must be ordered`},
		{"zero", codes("In", 0), rule + `.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator`},
		{"no operator", codes("", 1), rule + `.onExitCodes.operator: Required value: valid values: ["In" "NotIn"]`},
		{"neither", failure(batchv1.PodFailurePolicyRule{Action: "Count"}), rule + `: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`},
		{"no action", failure(batchv1.PodFailurePolicyRule{OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: "A", Status: "True"}}}),
			rule + `.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`},
		{"replacement", func(j *batchv1.Job) {
			codes("In", 1)(j)
			j.Spec.PodReplacementPolicy = ptr(batchv1.TerminatingOrFailed)
		}, `spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"`},
		{"mode", func(j *batchv1.Job) {
			j.Spec.CompletionMode, j.Spec.BackoffLimitPerIndex = ptr(batchv1.CompletionMode("Some")), nil
		},
			`spec.completionMode: Unsupported value: "Some": supported values: "NonIndexed", "Indexed"`},
		{"failed indexes", func(j *batchv1.Job) { j.Spec.MaxFailedIndexes = ptr[int32](5) }, `spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions`},
		{"many", func(j *batchv1.Job) { j.Spec.Completions = ptr[int32](100_001) }, `spec.maxFailedIndexes: Required value: must be specified when completions is above 100000`},
		{"hostname", func(j *batchv1.Job) { j.Name = strings.Repeat("a", 62) }, `metadata.name: Invalid value: "` + strings.Repeat("a", 62) +
			`": will not able to create pod with invalid DNS label: ` + strings.Repeat("a", 62) + `-3`},
		{"manager", func(j *batchv1.Job) { j.Spec.ManagedBy = ptr("me") }, `spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")`},
		{"generated selector", func(j *batchv1.Job) { j.Spec.ManualSelector, j.UID = nil, "u" },
			`[spec.template.metadata.labels[controller-uid]: Required value: must be 'u', spec.template.metadata.labels[controller-uid]: Invalid value: {"job":"once"}: must be 'u'…`},
	})
	updates(t, indexedJob, validation.JobUpdate, []row[batchv1.Job]{
		{"resized", func(j *batchv1.Job) { j.Spec.Completions, j.Spec.Parallelism = ptr[int32](2), ptr[int32](2) }, ``},
		{"completions alone", func(j *batchv1.Job) { j.Spec.Completions = ptr[int32](2) },
			`spec.completions: Invalid value: 2: can only be modified in tandem with spec.parallelism`},
		{"image", func(j *batchv1.Job) { j.Spec.Template.Spec.Containers[0].Image = "c:1" }, `spec.template: Invalid value: …`},
		{"manager", func(j *batchv1.Job) { j.Spec.ManagedBy = ptr("example.com/a") }, `spec.managedBy: Invalid value: "example.com/a": field is immutable`},
	})
}

func TestJobStatus(t *testing.T) {
	now, later := metav1.Unix(1000, 0), metav1.Unix(2000, 0)
	is := func(types ...batchv1.JobConditionType) (list []batchv1.JobCondition) {
		for _, c := range types {
			list = append(list, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue})
		}
		return list
	}
	const conditions = "status.conditions: Invalid value: "
	updates(t, indexedJob, validation.JobStatusUpdate, []row[batchv1.Job]{
		{"complete", func(j *batchv1.Job) {
			j.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &later, Conditions: is(batchv1.JobSuccessCriteriaMet, batchv1.JobComplete), CompletedIndexes: "0-3"}
		}, ``},
		{"failed", func(j *batchv1.Job) {
			j.Status = batchv1.JobStatus{StartTime: &now, Conditions: is(batchv1.JobFailureTarget, batchv1.JobFailed), FailedIndexes: ptr("1")}
		}, ``},
		{"failed at once", func(j *batchv1.Job) { j.Status = batchv1.JobStatus{StartTime: &now, Conditions: is(batchv1.JobFailed)} },
			conditions + `cannot set Failed=True condition without the FailureTarget=true condition`},
		{"complete at once", func(j *batchv1.Job) {
			j.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &later, Conditions: is(batchv1.JobComplete)}
		}, conditions + `cannot set Complete=True condition without the SuccessCriteriaMet=true condition`},
		{"both", func(j *batchv1.Job) {
			j.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &later,
				Conditions: is(batchv1.JobSuccessCriteriaMet, batchv1.JobComplete, batchv1.JobFailureTarget, batchv1.JobFailed)}
		}, `[status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions, status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions]`},
		{"still running", func(j *batchv1.Job) {
			j.Status = batchv1.JobStatus{Active: 1, Ready: ptr[int32](2), Terminating: ptr[int32](1), Conditions: is(batchv1.JobFailureTarget, batchv1.JobFailed)}
		}, `[status.active: Invalid value: 1: active>0 is invalid for finished job, status.terminating: Invalid value: 1: terminating>0 is invalid for finished job, ` +
			`status.startTime: Required value: startTime is required for finished job, status.ready: Invalid value: 2: cannot set more ready pods than active]`},
		{"nothing to do, suspended", func(j *batchv1.Job) {
			j.Spec.Suspend, j.Spec.Completions = ptr(true), ptr[int32](0)
			j.Status = batchv1.JobStatus{CompletionTime: &now, Conditions: is(batchv1.JobSuccessCriteriaMet, batchv1.JobComplete)}
		}, ``},
		{"time without end", func(j *batchv1.Job) { j.Status.CompletionTime = &now }, `status.completionTime: Invalid value: "1970-01-01T00:16:40Z": cannot set completionTime when there is no Complete=True condition`},
		{"indexes", func(j *batchv1.Job) { j.Status.CompletedIndexes = "9" }, `status.completedIndexes: Invalid value: "9": error parsing completedIndexes: too large index: "9"`},
		{"uncounted", func(j *batchv1.Job) {
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"a"}, Failed: []types.UID{"a", ""}}
		}, `[status.uncountedTerminatedPods.failed[0]: Duplicate value: "a", status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty]`},
	})
	failed := indexedJob + `
status: {startTime: "2026-01-01T00:00:00Z", failed: 2, conditions: [{type: FailureTarget, status: "True"}, {type: Failed, status: "True"}]}
`
	updates(t, failed, validation.JobStatusUpdate, []row[batchv1.Job]{
		{"undone", func(j *batchv1.Job) { j.Status.Conditions = is(batchv1.JobFailureTarget) }, conditions + `cannot disable the terminal Failed=True condition`},
		{"fewer", func(j *batchv1.Job) { j.Status.Failed = 1 }, `status.failed: Invalid value: 1: cannot decrease the failed counter`},
		{"started again", func(j *batchv1.Job) { j.Status.StartTime = &now }, `status.startTime: Invalid value: "1970-01-01T00:16:40Z": startTime cannot be modified for unsuspended job`},
		{"never started", func(j *batchv1.Job) { j.Status.StartTime = nil }, `status.startTime: Required value: startTime cannot be removed for unsuspended job`},
	})
}
