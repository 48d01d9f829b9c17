package validation

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
)

const maxMatchConditions = 64

func matchConditions(p *field.Path, list []admissionv1.MatchCondition, e *expressions) (errs field.ErrorList) {
	if len(list) > maxMatchConditions {
		errs = append(errs, field.TooMany(p, len(list), maxMatchConditions))
	}
	names := sets.New[string]()
	for i, c := range list {
		at := p.Index(i)
		if blank(c.Expression) {
			errs = append(errs, field.Required(at.Child("expression"), ""))
		} else {
			condition := matchconditions.MatchCondition(c)
			errs = append(errs, e.check(at.Child("expression"), &condition, declarations{authorizer: true})...)
		}
		if c.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
			continue
		}
		errs = append(errs, qualifiedName(at.Child("name"), c.Name)...)
		if names.Has(c.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		}
		names.Insert(c.Name)
	}
	return errs
}

func conditionTexts(list []admissionv1.MatchCondition) (texts []string) {
	for _, c := range list {
		texts = append(texts, c.Expression)
	}
	return texts
}
