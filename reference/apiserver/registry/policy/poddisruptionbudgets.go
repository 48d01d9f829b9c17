// Package policy declares the resources of the policy group, v1.
package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// PodDisruptionBudgets is the poddisruptionbudgets resource.
var PodDisruptionBudgets = generic.Resource[*policyv1.PodDisruptionBudget]{
	GV: policyv1.SchemeGroupVersion, Plural: "poddisruptionbudgets", Singular: "poddisruptionbudget", Short: []string{"pdb"},
	Object: &policyv1.PodDisruptionBudget{}, List: &policyv1.PodDisruptionBudgetList{},
	Spec:           func(b *policyv1.PodDisruptionBudget) any { return &b.Spec },
	Status:         func(b *policyv1.PodDisruptionBudget) any { return &b.Status },
	Validate:       validation.PodDisruptionBudget,
	ValidateUpdate: validation.PodDisruptionBudgetUpdate,
	ValidateStatus: validation.PodDisruptionBudgetStatusUpdate,
	Generation:     true,
	RequireVersion: true,
	Columns: []generic.Column[*policyv1.PodDisruptionBudget]{
		generic.Name[*policyv1.PodDisruptionBudget](),
		{Name: "Min Available", Doc: "The minimum number of pods that must be available.", Cell: func(b *policyv1.PodDisruptionBudget) any { return orNA(b.Spec.MinAvailable) }},
		{Name: "Max Unavailable", Doc: "The maximum number of pods that may be unavailable.", Cell: func(b *policyv1.PodDisruptionBudget) any { return orNA(b.Spec.MaxUnavailable) }},
		{Name: "Allowed Disruptions", Type: generic.Integer, Doc: "Calculated number of pods that may be disrupted at this time.",
			Cell: func(b *policyv1.PodDisruptionBudget) any { return int64(b.Status.DisruptionsAllowed) }},
		generic.Age[*policyv1.PodDisruptionBudget](),
	},
}

func orNA(v *intstr.IntOrString) string {
	if v == nil {
		return "N/A"
	}
	return v.String()
}
