package job

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func names(pods []*corev1.Pod) string {
	var list []string
	for _, pod := range pods {
		list = append(list, pod.Name)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// decide looks at the pods and plans, as the controller does.
func decide(t *testing.T, job *batchv1.Job, pods ...*corev1.Pod) (*view, decision) {
	t.Helper()
	v, err := look(job, pods, now)
	if err != nil {
		t.Fatal(err)
	}
	var past failures
	past.observe(pods, v.hasFailed)
	return v, plan(v, &past)
}

func TestHowManyPods(t *testing.T) {
	workQueue := func(j *batchv1.Job) { j.Spec.Completions = nil }
	done := func(n int32) func(*batchv1.Job) { return func(j *batchv1.Job) { j.Status.Succeeded = n } }
	for _, c := range []struct {
		name         string
		job          *batchv1.Job
		pods         []*corev1.Pod
		create       int
		drop         string
		wait         time.Duration
		enough, over bool
	}{
		{name: "first", job: newJob(5, 2), create: 2},
		{name: "as many as are left", job: newJob(5, 4, done(3)), pods: []*corev1.Pod{aPod("a")}, create: 1},
		{name: "one has just succeeded", job: newJob(2, 2), pods: []*corev1.Pod{aPod("a"), aPod("b", succeeded)}},
		{name: "all have succeeded", job: newJob(2, 2, done(1)), pods: []*corev1.Pod{aPod("a", succeeded)}, enough: true},
		{name: "nothing to do", job: newJob(0, 1), enough: true},
		{name: "parallelism lowered", job: newJob(5, 1), pods: []*corev1.Pod{aPod("a", isReady), aPod("b")}, drop: "b"},
		{name: "parallelism zero", job: newJob(5, 0), pods: []*corev1.Pod{aPod("a")}, drop: "a"},
		{name: "suspended", job: newJob(5, 2, suspended), pods: []*corev1.Pod{aPod("a"), aPod("b", told)}, drop: "a"},
		{name: "failed long ago", job: newJob(1, 1), pods: []*corev1.Pod{aPod("a", failed)}, create: 1},
		{name: "failed just now", job: newJob(1, 1), pods: []*corev1.Pod{aPod("a", ended(1, 3*time.Second))}, wait: 7 * time.Second},
		{name: "told to go, replaced", job: newJob(1, 1), pods: []*corev1.Pod{aPod("a", told, func(p *corev1.Pod) {
			p.DeletionTimestamp = ptr.To(metav1.NewTime(now.Add(-time.Minute)))
		})}, create: 1},
		{name: "told to go, not replaced before it has failed", job: newJob(1, 1, onlyFailed), pods: []*corev1.Pod{aPod("a", told)}},
		{name: "work queue", job: newJob(0, 3, workQueue), create: 3},
		{name: "work queue, one done", job: newJob(0, 3, workQueue), pods: []*corev1.Pod{aPod("a"), aPod("b", succeeded)}, enough: true},
		{name: "work queue, one failed", job: newJob(0, 2, workQueue), pods: []*corev1.Pod{aPod("a"), aPod("b", failed)}, create: 1},
		{name: "going itself", job: newJob(3, 3, func(j *batchv1.Job) { j.DeletionTimestamp = ptr.To(metav1.NewTime(now)) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := decide(t, c.job, c.pods...)
			if len(d.create) != c.create || names(d.drop) != c.drop || d.next != c.wait || d.enough != c.enough || d.end != nil {
				t.Errorf("creates %d, drops %q, waits %s, enough %t, end %v", len(d.create), names(d.drop), d.next, d.enough, d.end)
			}
		})
	}
}

func TestWhichIndexes(t *testing.T) {
	for _, c := range []struct {
		name   string
		job    *batchv1.Job
		pods   []*corev1.Pod
		create []int
		drop   string
		wait   time.Duration
	}{
		{name: "the first ones", job: newJob(9, 3, indexed), create: []int{0, 1, 2}},
		{name: "gaps", job: newJob(9, 3, indexed, func(j *batchv1.Job) { j.Status.CompletedIndexes = "0,2-4" }),
			pods: []*corev1.Pod{aPod("a", at(5))}, create: []int{1, 6}},
		{name: "twice the same", job: newJob(9, 3, indexed), pods: []*corev1.Pod{aPod("a", at(0), isReady), aPod("b", at(0)), aPod("c", at(1))}, drop: "b"},
		{name: "none, or beyond", job: newJob(2, 2, indexed), pods: []*corev1.Pod{aPod("a"), aPod("b", at(2))}, drop: "a b"},
		{name: "succeeded elsewhere", job: newJob(2, 2, indexed), pods: []*corev1.Pod{aPod("a", at(0)), aPod("b", at(0), succeeded)}, drop: "a"},
		{name: "lowered", job: newJob(9, 1, indexed), pods: []*corev1.Pod{aPod("a", at(0), isReady), aPod("b", at(1))}, drop: "b"},
		{name: "told to go", job: newJob(2, 2, indexed, onlyFailed), pods: []*corev1.Pod{aPod("a", at(0), told)}, create: []int{1}},
		{name: "one has failed often", job: newJob(2, 2, perIndex(3)), pods: []*corev1.Pod{aPod("a", at(0), failedBefore(1), ended(1, 5*time.Second))},
			create: []int{1}, wait: 15 * time.Second},
		{name: "back-off over", job: newJob(2, 2, perIndex(3)), pods: []*corev1.Pod{aPod("a", at(0), failedBefore(1), ended(1, 20*time.Second))},
			create: []int{0, 1}},
		{name: "failed for good", job: newJob(2, 2, perIndex(1)), pods: []*corev1.Pod{aPod("a", at(0), failedBefore(1), failed)}, create: []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := decide(t, c.job, c.pods...)
			var create []int
			for _, one := range d.create {
				create = append(create, one.index)
			}
			if !slices.Equal(create, c.create) || names(d.drop) != c.drop || d.next != c.wait || d.end != nil {
				t.Errorf("creates %v, drops %q, waits %s, end %v", create, names(d.drop), d.next, d.end)
			}
		})
	}
}

func TestTheEnd(t *testing.T) {
	limit := func(n int32) func(*batchv1.Job) { return func(j *batchv1.Job) { j.Spec.BackoffLimit = &n } }
	deadline := func(s int64) func(*batchv1.Job) {
		return func(j *batchv1.Job) { j.Spec.ActiveDeadlineSeconds = &s }
	}
	policy := func(rules ...batchv1.PodFailurePolicyRule) func(*batchv1.Job) {
		return func(j *batchv1.Job) {
			onlyFailed(j)
			j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: rules}
		}
	}
	inPlace := func(j *batchv1.Job) { j.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure }
	restarted := func(n int32) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{RestartCount: n - 1}}
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 1}}
		}
	}
	said := func(kind batchv1.JobConditionType, reason string) func(*batchv1.Job) {
		return func(j *batchv1.Job) {
			j.Status.Conditions = []batchv1.JobCondition{newCondition(kind, corev1.ConditionTrue, reason, "said before", now)}
		}
	}
	const failJob, ignore, failIndex = batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore, batchv1.PodFailurePolicyActionFailIndex
	successOf := func(indexes string) func(*batchv1.Job) {
		return func(j *batchv1.Job) {
			j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: &indexes}}}
		}
	}
	for _, c := range []struct {
		name string
		job  *batchv1.Job
		pods []*corev1.Pod
		want string // type, reason and message
	}{
		{"as many as allowed", newJob(1, 1, limit(1)), []*corev1.Pod{aPod("a", failed)}, ""},
		{"one more than allowed", newJob(1, 1, limit(1), func(j *batchv1.Job) { j.Status.Failed = 1 }), []*corev1.Pod{aPod("a", failed)},
			"FailureTarget BackoffLimitExceeded Job has reached the specified backoff limit"},
		{"counted but not yet stripped", newJob(1, 1, limit(1), func(j *batchv1.Job) {
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Failed: []types.UID{"a"}}
		}), []*corev1.Pod{aPod("a", failed)}, ""},
		{"ignored", newJob(1, 1, limit(0), policy(disrupted(ignore))), []*corev1.Pod{aPod("a", failed, evicted)}, ""},
		{"told to go counts", newJob(1, 1, limit(0)), []*corev1.Pod{aPod("a", told)}, "FailureTarget BackoffLimitExceeded Job has reached the specified backoff limit"},
		{"told to go does not count yet", newJob(1, 1, limit(0), onlyFailed), []*corev1.Pod{aPod("a", told)}, ""},
		{"restarts", newJob(2, 2, limit(4), inPlace), []*corev1.Pod{aPod("a", restarted(2)), aPod("b", restarted(2))},
			"FailureTarget BackoffLimitExceeded Job has reached the specified backoff limit"},
		{"too few restarts", newJob(2, 2, limit(4), inPlace), []*corev1.Pod{aPod("a", restarted(1)), aPod("b", restarted(2))}, ""},
		{"no restart allowed", newJob(1, 1, limit(0), inPlace), []*corev1.Pod{aPod("a", restarted(1))}, "FailureTarget BackoffLimitExceeded Job has reached the specified backoff limit"},
		{"no restart", newJob(1, 1, limit(0), inPlace), []*corev1.Pod{aPod("a")}, ""},
		{"time is up", newJob(1, 1, deadline(3600)), []*corev1.Pod{aPod("a")}, "FailureTarget DeadlineExceeded Job was active longer than specified deadline"},
		{"time is left", newJob(1, 1, deadline(3601)), []*corev1.Pod{aPod("a")}, ""},
		{"time stands still", newJob(1, 1, deadline(1), suspended), nil, ""},
		{"a rule fails the Job", newJob(1, 1, policy(exits(failJob, "In", "", 1))), []*corev1.Pod{aPod("a", failed)},
			"FailureTarget PodFailurePolicy Container c for pod default/a failed with exit code 1 matching FailJob rule at index 0"},
		{"an index has failed, others run", newJob(2, 2, perIndex(0)), []*corev1.Pod{aPod("a", at(0), failed), aPod("b", at(1))}, ""},
		{"an index has failed, others are done", newJob(2, 2, perIndex(0)), []*corev1.Pod{aPod("a", at(0), failed), aPod("b", at(1), succeeded)},
			"FailureTarget FailedIndexes Job has failed indexes"},
		{"an index may fail again", newJob(1, 1, perIndex(2)), []*corev1.Pod{aPod("a", at(0), failedBefore(1), failed)}, ""},
		{"failed by rule", newJob(1, 1, perIndex(9), policy(exits(failIndex, "In", "", 1))), []*corev1.Pod{aPod("a", at(0), failed)},
			"FailureTarget FailedIndexes Job has failed indexes"},
		{"too many indexes", newJob(9, 2, perIndex(0), func(j *batchv1.Job) {
			j.Spec.MaxFailedIndexes, j.Status.FailedIndexes = ptr.To[int32](1), ptr.To("3")
		}), []*corev1.Pod{aPod("a", at(0), failed)},
			"FailureTarget MaxFailedIndexesExceeded Job has exceeded the specified maximal number of failed indexes"},
		{"enough indexes", newJob(9, 2, indexed, successOf("1")), []*corev1.Pod{aPod("a", at(0)), aPod("b", at(1), succeeded)},
			"SuccessCriteriaMet SuccessPolicy Matched rules at index 0"},
		{"failure comes before success", newJob(9, 2, indexed, limit(0), successOf("1")), []*corev1.Pod{aPod("a", at(0), failed), aPod("b", at(1), succeeded)},
			"FailureTarget BackoffLimitExceeded Job has reached the specified backoff limit"},
		{"what has been said stays", newJob(1, 1, limit(0), said(batchv1.JobFailureTarget, "DeadlineExceeded")), []*corev1.Pod{aPod("a", failed)},
			"FailureTarget DeadlineExceeded said before"},
		{"success stays", newJob(1, 1, limit(0), said(batchv1.JobSuccessCriteriaMet, "SuccessPolicy")), []*corev1.Pod{aPod("a", failed)},
			"SuccessCriteriaMet SuccessPolicy said before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, d := decide(t, c.job, c.pods...)
			got := ""
			if d.end != nil {
				got = string(d.end.Type) + " " + d.end.Reason + " " + d.end.Message
				if len(d.stop) != len(v.active) || len(d.create) > 0 {
					t.Errorf("stops %q, creates %d", names(d.stop), len(d.create))
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The pod that goes first is the one with least to lose.
func TestRank(t *testing.T) {
	since := func(ago time.Duration) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-ago))}}
		}
	}
	pods := []*corev1.Pod{
		aPod("half gone", isStripped, since(time.Hour)),
		aPod("nowhere", func(p *corev1.Pod) { p.Spec.NodeName = "" }),
		aPod("pending", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }),
		aPod("unknown", func(p *corev1.Pod) { p.Status.Phase = corev1.PodUnknown }),
		aPod("not ready"),
		aPod("ready lately", since(time.Minute)),
		aPod("restarted", since(time.Hour), func(p *corev1.Pod) { p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 1}} }),
		aPod("young", since(time.Hour), func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(now) }),
		aPod("old", since(time.Hour)),
	}
	for n := range len(pods) + 1 {
		v, err := look(newJob(20, int32(len(pods)-n)), pods, now)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := names(plan(v, &failures{}).drop), names(pods[:n]); got != want {
			t.Errorf("of %d, %q go, want %q", n, got, want)
		}
	}
}

func TestPodsWithoutFinalizer(t *testing.T) {
	_, d := decide(t, newJob(2, 2), aPod("a"), aPod("b", isStripped), aPod("c", isStripped, told), aPod("d", isStripped, succeeded))
	if names(d.protect) != "b" {
		t.Errorf("protects %q", names(d.protect))
	}
}
