package core

import (
	"fmt"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ResourceQuotas is the resourcequotas resource.
var ResourceQuotas = generic.Resource[*corev1.ResourceQuota]{
	GV: corev1.SchemeGroupVersion, Plural: "resourcequotas", Singular: "resourcequota", Short: []string{"quota"},
	Object: &corev1.ResourceQuota{}, List: &corev1.ResourceQuotaList{},
	Spec:           func(q *corev1.ResourceQuota) any { return &q.Spec },
	Status:         func(q *corev1.ResourceQuota) any { return &q.Status },
	Validate:       validation.ResourceQuota,
	ValidateUpdate: validation.ResourceQuotaUpdate,
	ValidateStatus: validation.ResourceQuotaStatusUpdate,
	ReturnDeleted:  true,
	Columns: []generic.Column[*corev1.ResourceQuota]{
		generic.Name[*corev1.ResourceQuota](),
		{Name: "Request", Doc: "Request represents a minimum amount of cpu/memory that a container may consume.", Cell: func(q *corev1.ResourceQuota) any { return quotaCell(q, false) }},
		{Name: "Limit", Doc: "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.", Cell: func(q *corev1.ResourceQuota) any { return quotaCell(q, true) }},
		generic.Age[*corev1.ResourceQuota](),
	},
}

// quotaCell lists used/hard of the limits, or of everything else.
func quotaCell(q *corev1.ResourceQuota, limits bool) string {
	var names []string
	for name := range q.Status.Hard {
		if strings.HasPrefix(string(name), "limits.") == limits {
			names = append(names, string(name))
		}
	}
	sort.Strings(names)
	for i, name := range names {
		used, hard := q.Status.Used[corev1.ResourceName(name)], q.Status.Hard[corev1.ResourceName(name)]
		names[i] = fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
	}
	return strings.Join(names, ", ")
}
