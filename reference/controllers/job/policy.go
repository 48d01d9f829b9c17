package job

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// verdict is what the pod failure policy makes of a failed pod.
type verdict struct {
	action batchv1.PodFailurePolicyAction
	// message tells which rule fails the Job and why; only with the action FailJob.
	message string
}

// counts reports whether the failure counts towards the limits.
func (v verdict) counts() bool { return v.action != batchv1.PodFailurePolicyActionIgnore }

// judge asks the rules in turn. What none of them matches is counted. A rule with an action that is not known
// here, as of a newer version, is passed over.
func judge(policy *batchv1.PodFailurePolicy, pod *corev1.Pod) verdict {
	if policy == nil {
		return verdict{action: batchv1.PodFailurePolicyActionCount}
	}
	for i := range policy.Rules {
		rule := &policy.Rules[i]
		why, matched := matches(rule, pod)
		if !matched {
			continue
		}
		switch rule.Action {
		case batchv1.PodFailurePolicyActionFailJob:
			return verdict{rule.Action, fmt.Sprintf("%s matching %s rule at index %d", why, rule.Action, i)}
		case batchv1.PodFailurePolicyActionIgnore, batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex:
			return verdict{action: rule.Action}
		}
	}
	return verdict{action: batchv1.PodFailurePolicyActionCount}
}

// matches reports whether the rule is about this failure, and what of the pod it is that matches.
func matches(rule *batchv1.PodFailurePolicyRule, pod *corev1.Pod) (string, bool) {
	if codes := rule.OnExitCodes; codes != nil {
		for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
			for i := range list {
				if container := &list[i]; exitMatches(codes, container) {
					return fmt.Sprintf("Container %s for pod %s/%s failed with exit code %d",
						container.Name, pod.Namespace, pod.Name, container.State.Terminated.ExitCode), true
				}
			}
		}
		return "", false
	}
	for _, pattern := range rule.OnPodConditions {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == pattern.Type && condition.Status == pattern.Status {
				return fmt.Sprintf("Pod %s/%s has condition %s", pod.Namespace, pod.Name, condition.Type), true
			}
		}
	}
	return "", false
}

// exitMatches looks at containers that have ended without success.
func exitMatches(codes *batchv1.PodFailurePolicyOnExitCodesRequirement, container *corev1.ContainerStatus) bool {
	if codes.ContainerName != nil && *codes.ContainerName != container.Name {
		return false
	}
	ended := container.State.Terminated
	if ended == nil || ended.ExitCode == 0 {
		return false
	}
	listed := slices.Contains(codes.Values, ended.ExitCode)
	switch codes.Operator {
	case batchv1.PodFailurePolicyOnExitCodesOpIn:
		return listed
	case batchv1.PodFailurePolicyOnExitCodesOpNotIn:
		return !listed
	}
	return false
}

// metRule is the first rule of the success policy that the succeeded indexes fulfil.
func metRule(policy *batchv1.SuccessPolicy, completions int, succeeded indexes) (int, bool) {
	if policy == nil {
		return 0, false
	}
	for i, rule := range policy.Rules {
		have, need := succeeded.total(), -1
		if rule.SucceededIndexes != nil {
			listed, err := parseIndexes(*rule.SucceededIndexes, completions)
			if err != nil {
				continue // the API server refuses such a rule
			}
			have, need = listed.common(succeeded), listed.total()
		}
		if rule.SucceededCount != nil {
			need = int(*rule.SucceededCount)
		}
		if need >= 0 && have >= need {
			return i, true
		}
	}
	return 0, false
}
