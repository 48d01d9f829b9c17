package job

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func exits(action batchv1.PodFailurePolicyAction, operator batchv1.PodFailurePolicyOnExitCodesOperator, container string, codes ...int32) batchv1.PodFailurePolicyRule {
	rule := batchv1.PodFailurePolicyRule{Action: action, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: operator, Values: codes}}
	if container != "" {
		rule.OnExitCodes.ContainerName = &container
	}
	return rule
}

func disrupted(action batchv1.PodFailurePolicyAction) batchv1.PodFailurePolicyRule {
	return batchv1.PodFailurePolicyRule{Action: action, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
		{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
	}}
}

func evicted(p *corev1.Pod) {
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue})
}

func initEnded(code int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Phase = corev1.PodFailed
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "init", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: code},
		}}}
	}
}

func TestPodFailurePolicy(t *testing.T) {
	const in, notIn = batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn
	const fail, ignore = batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore
	const count, failIndex = batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex
	for _, c := range []struct {
		name    string
		pod     *corev1.Pod
		rules   []batchv1.PodFailurePolicyRule
		want    batchv1.PodFailurePolicyAction
		message string
	}{
		{"no rule", aPod("p", ended(3, 0)), nil, count, ""},
		{"the code", aPod("p", ended(3, 0)), []batchv1.PodFailurePolicyRule{exits(fail, in, "", 2, 3)}, fail,
			"Container c for pod default/p failed with exit code 3 matching FailJob rule at index 0"},
		{"another code", aPod("p", ended(4, 0)), []batchv1.PodFailurePolicyRule{exits(fail, in, "", 2, 3)}, count, ""},
		{"not one of the codes", aPod("p", ended(4, 0)), []batchv1.PodFailurePolicyRule{exits(ignore, notIn, "", 2, 3)}, ignore, ""},
		{"success is no code", aPod("p", initEnded(3), ended(0, 0), func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
			[]batchv1.PodFailurePolicyRule{exits(ignore, notIn, "", 3)}, count, ""},
		{"the container", aPod("p", ended(3, 0)), []batchv1.PodFailurePolicyRule{exits(fail, in, "other", 3), exits(failIndex, in, "c", 3)}, failIndex, ""},
		{"an init container", aPod("p", initEnded(7)), []batchv1.PodFailurePolicyRule{exits(fail, in, "", 7)}, fail,
			"Container init for pod default/p failed with exit code 7 matching FailJob rule at index 0"},
		{"the condition", aPod("p", failed, evicted), []batchv1.PodFailurePolicyRule{exits(count, in, "", 9), disrupted(fail)}, fail,
			"Pod default/p has condition DisruptionTarget matching FailJob rule at index 1"},
		{"no condition", aPod("p", failed), []batchv1.PodFailurePolicyRule{disrupted(ignore)}, count, ""},
		{"the first that matches", aPod("p", failed, evicted), []batchv1.PodFailurePolicyRule{disrupted(ignore), exits(fail, in, "", 1)}, ignore, ""},
		{"of a newer version", aPod("p", failed, evicted), []batchv1.PodFailurePolicyRule{disrupted("Frob"), disrupted(ignore)}, ignore, ""},
		{"an operator of a newer version", aPod("p", failed), []batchv1.PodFailurePolicyRule{exits(fail, "Near", "", 1)}, count, ""},
	} {
		got := judge(&batchv1.PodFailurePolicy{Rules: c.rules}, c.pod)
		if got.action != c.want || got.message != c.message {
			t.Errorf("%s: %+v, want %s %q", c.name, got, c.want, c.message)
		}
		if got.counts() != (c.want != ignore) {
			t.Errorf("%s: counts %t", c.name, got.counts())
		}
	}
	if got := judge(nil, aPod("p", failed)); got.action != count {
		t.Errorf("without a policy: %+v", got)
	}
}

func TestSuccessPolicy(t *testing.T) {
	rule := func(list string, count int32) batchv1.SuccessPolicyRule {
		r := batchv1.SuccessPolicyRule{}
		if list != "" {
			r.SucceededIndexes = &list
		}
		if count >= 0 {
			r.SucceededCount = ptr.To(count)
		}
		return r
	}
	for _, c := range []struct {
		succeeded string
		rules     []batchv1.SuccessPolicyRule
		met       int // -1 for none
	}{
		{"0", nil, -1},
		{"0-2", []batchv1.SuccessPolicyRule{rule("0,2", -1)}, 0},
		{"0,1", []batchv1.SuccessPolicyRule{rule("0,2", -1)}, -1},
		{"1,3,5", []batchv1.SuccessPolicyRule{rule("1-4", 3)}, -1},
		{"1,3,4", []batchv1.SuccessPolicyRule{rule("1-4", 3)}, 0},
		{"7", []batchv1.SuccessPolicyRule{rule("", 2), rule("", 1)}, 1},
		{"", []batchv1.SuccessPolicyRule{rule("", 1)}, -1},
	} {
		succeeded, err := parseIndexes(c.succeeded, 10)
		if err != nil {
			t.Fatal(err)
		}
		met, ok := metRule(&batchv1.SuccessPolicy{Rules: c.rules}, 10, succeeded)
		if !ok {
			met = -1
		}
		if met != c.met {
			t.Errorf("%q meets rule %d, want %d", c.succeeded, met, c.met)
		}
	}
	if _, met := metRule(nil, 10, nil); met {
		t.Error("no policy is met")
	}
}
