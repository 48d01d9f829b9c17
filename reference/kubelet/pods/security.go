package pods

import (
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/spec"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// Security is what the node lets pods ask for.
type Security struct {
	// AppArmor tells that the kernel enforces AppArmor profiles.
	AppArmor bool
	// UnsafeSysctls are those that pods may set here beside the safe ones; one that ends with * stands for all that begin so.
	UnsafeSysctls []string
}

// refuse tells why the node cannot give the pod what its security context asks for; nil means that it can.
func (s Security) refuse(node *v1.Node, pod *v1.Pod) *status.Verdict {
	if why := forbiddenSysctl(pod, s.UnsafeSysctls); why != "" {
		return rejected("SysctlForbidden", why)
	}
	if !s.AppArmor && spec.WantsAppArmor(pod) {
		return rejected("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
	}
	if sc := pod.Spec.SecurityContext; sc != nil && sc.SupplementalGroupsPolicy != nil && *sc.SupplementalGroupsPolicy == v1.SupplementalGroupsPolicyStrict &&
		(node.Status.Features == nil || node.Status.Features.SupplementalGroupsPolicy == nil || !*node.Status.Features.SupplementalGroupsPolicy) {
		return rejected("SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node")
	}
	return nil
}

// allows tells whether the patterns have the sysctl, which is written with dots.
func allows(patterns []string, name string) bool {
	for _, p := range patterns {
		if prefix, open := strings.CutSuffix(p, "*"); name == p || (open && strings.HasPrefix(name, prefix)) {
			return true
		}
	}
	return false
}
