// Package quota knows what the objects of a namespace use of a ResourceQuota. Admission asks it about
// one object, the resource quota controller about all of them.
//
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
package quota
