package resourcequota

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	quota "k8s.io/apiserver/pkg/quota/v1"
)

// plan returns the status that the quota should have when counted is what was counted of its
// resources, whether that differs from what it has, and whether it uses less of something.
//
// What could not be counted keeps its number; what the quota no longer limits is dropped.
func plan(q *corev1.ResourceQuota, counted corev1.ResourceList) (status corev1.ResourceQuotaStatus, differs, less bool) {
	used := quota.Add(corev1.ResourceList{}, q.Status.Used)
	for name, n := range counted {
		used[name] = n
	}
	status.Hard = quota.Add(corev1.ResourceList{}, q.Spec.Hard)
	status.Used = quota.Mask(used, quota.ResourceNames(status.Hard))
	differs = q.Status.Hard == nil || q.Status.Used == nil ||
		!equality.Semantic.DeepEqual(q.Spec.Hard, q.Status.Hard) || !quota.Equals(status.Used, q.Status.Used)
	for name, now := range status.Used {
		if before, ok := q.Status.Used[name]; ok && now.Cmp(before) < 0 {
			less = true
		}
	}
	return status, differs, less
}
