package plan

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestRestarts(t *testing.T) {
	on := func(op v1.ContainerRestartRuleOnExitCodesOperator, codes ...int32) []v1.ContainerRestartRule {
		return []v1.ContainerRestartRule{{Action: v1.ContainerRestartRuleActionRestart,
			ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: op, Values: codes}}}
	}
	never := ptr.To(v1.ContainerRestartPolicyNever)
	for _, c := range []struct {
		name      string
		policy    v1.RestartPolicy
		container v1.Container
		code      int32
		want      bool
	}{
		{"Always after success", v1.RestartPolicyAlways, v1.Container{Name: "a"}, 0, true},
		{"OnFailure after success", v1.RestartPolicyOnFailure, v1.Container{Name: "a"}, 0, false},
		{"OnFailure after failure", v1.RestartPolicyOnFailure, v1.Container{Name: "a"}, 1, true},
		{"Never after failure", v1.RestartPolicyNever, v1.Container{Name: "a"}, 1, false},
		{"init container of an Always pod after success", v1.RestartPolicyAlways, v1.Container{Name: "i"}, 0, false},
		{"init container of an Always pod after failure", v1.RestartPolicyAlways, v1.Container{Name: "i"}, 1, true},
		{"sidecar of a Never pod", v1.RestartPolicyNever, v1.Container{Name: "s", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)}, 0, true},
		{"own policy wins", v1.RestartPolicyAlways, v1.Container{Name: "a", RestartPolicy: never}, 1, false},
		{"rule by code", v1.RestartPolicyNever, v1.Container{Name: "a", RestartPolicy: never,
			RestartPolicyRules: on(v1.ContainerRestartRuleOnExitCodesOpIn, 42)}, 42, true},
		{"rule for another code", v1.RestartPolicyNever, v1.Container{Name: "a", RestartPolicy: never,
			RestartPolicyRules: on(v1.ContainerRestartRuleOnExitCodesOpIn, 42)}, 43, false},
		{"rule by exclusion", v1.RestartPolicyNever, v1.Container{Name: "a", RestartPolicy: never,
			RestartPolicyRules: on(v1.ContainerRestartRuleOnExitCodesOpNotIn, 42)}, 43, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Restarts(pod(c.policy), &c.container, c.code); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
