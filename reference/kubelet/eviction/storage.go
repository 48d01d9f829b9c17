package eviction

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// LimitsStorage tells whether anything bounds what the pod may write, so that it must be measured.
func LimitsStorage(pod *v1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if e := pod.Spec.Volumes[i].EmptyDir; e != nil && e.SizeLimit != nil && e.SizeLimit.Sign() > 0 && e.Medium == v1.StorageMediumDefault {
			return true
		}
	}
	_, limited := resource.PodLimits(pod, resource.PodResourcesOptions{})[v1.ResourceEphemeralStorage]
	return limited
}

// OverStorage says which of its limits on local storage the pod exceeds, empty if none
// (docs: configuration/manage-resources-containers#local-ephemeral-storage): the size of an emptyDir, what all
// containers may use in sum, what one of them may.
func OverStorage(u Usage) string {
	for i := range u.Pod.Spec.Volumes {
		v := &u.Pod.Spec.Volumes[i]
		if v.EmptyDir == nil || v.EmptyDir.SizeLimit == nil || v.EmptyDir.SizeLimit.Sign() <= 0 {
			continue
		}
		if u.Volumes[v.Name] > v.EmptyDir.SizeLimit.Value() {
			return fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q. ", v.Name, v.EmptyDir.SizeLimit.String())
		}
	}
	if limit, ok := resource.PodLimits(u.Pod, resource.PodResourcesOptions{})[v1.ResourceEphemeralStorage]; ok && u.Disk() > limit.Value() {
		return fmt.Sprintf("Pod ephemeral local storage usage exceeds the total limit of containers %s. ", limit.String())
	}
	for _, list := range [][]v1.Container{u.Pod.Spec.InitContainers, u.Pod.Spec.Containers} {
		for i := range list {
			limit, ok := list[i].Resources.Limits[v1.ResourceEphemeralStorage]
			used := u.Containers[list[i].Name]
			if ok && !limit.IsZero() && used.Layer+used.Logs > limit.Value() {
				return fmt.Sprintf("Container %s exceeded its local ephemeral storage limit %q. ", list[i].Name, limit.String())
			}
		}
	}
	return ""
}
