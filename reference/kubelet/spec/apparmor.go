package spec

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// appArmor returns the container's profile: its own, else the pod's, else that of the old annotation; nil for none.
func appArmor(pod *v1.Pod, c *v1.Container) *criv1.SecurityProfile {
	p := annotated(pod.Annotations[v1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+c.Name])
	if sc := pod.Spec.SecurityContext; sc != nil && sc.AppArmorProfile != nil {
		p = sc.AppArmorProfile
	}
	if sc := c.SecurityContext; sc != nil && sc.AppArmorProfile != nil {
		p = sc.AppArmorProfile
	}
	if p == nil {
		return nil
	}
	switch p.Type {
	case v1.AppArmorProfileTypeRuntimeDefault:
		return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_RuntimeDefault}
	case v1.AppArmorProfileTypeLocalhost:
		name := ""
		if p.LocalhostProfile != nil {
			name = *p.LocalhostProfile
		}
		return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_Localhost, LocalhostRef: name}
	default:
		return &criv1.SecurityProfile{ProfileType: criv1.SecurityProfile_Unconfined}
	}
}

// annotated reads the value of the old annotation (docs: reference/labels-annotations-taints).
func annotated(value string) *v1.AppArmorProfile {
	name, local := strings.CutPrefix(value, v1.DeprecatedAppArmorBetaProfileNamePrefix)
	switch {
	case local:
		return &v1.AppArmorProfile{Type: v1.AppArmorProfileTypeLocalhost, LocalhostProfile: &name}
	case value == v1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return &v1.AppArmorProfile{Type: v1.AppArmorProfileTypeRuntimeDefault}
	case value == v1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return &v1.AppArmorProfile{Type: v1.AppArmorProfileTypeUnconfined}
	default:
		return nil
	}
}

// WantsAppArmor tells whether any container of the pod needs a kernel that enforces profiles.
func WantsAppArmor(pod *v1.Pod) bool {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if p := appArmor(pod, &list[i]); p != nil && p.ProfileType != criv1.SecurityProfile_Unconfined {
				return true
			}
		}
	}
	return false
}
