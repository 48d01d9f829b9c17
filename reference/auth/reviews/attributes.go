package reviews

import (
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// attributesOf turns a question that passed validation into what an authorizer takes.
func attributesOf(u user.Info, r *authorizationv1.ResourceAttributes, n *authorizationv1.NonResourceAttributes) authorizer.AttributesRecord {
	if r == nil {
		return authorizer.AttributesRecord{User: u, Verb: n.Verb, Path: n.Path}
	}
	a := authorizer.AttributesRecord{User: u, ResourceRequest: true, Verb: r.Verb, Namespace: r.Namespace,
		APIGroup: r.Group, APIVersion: r.Version, Resource: r.Resource, Subresource: r.Subresource, Name: r.Name}
	if a.APIVersion == "" {
		a.APIVersion = "*"
	}
	if r.FieldSelector != nil {
		a.FieldSelectorRequirements, a.FieldSelectorParsingErr = fieldRequirements(r.FieldSelector)
	}
	if r.LabelSelector != nil {
		a.LabelSelectorRequirements, a.LabelSelectorParsingErr = labelRequirements(r.LabelSelector)
	}
	return a
}

// fieldRequirements and labelRequirements leave out what they do not understand and say so:
// selectors only narrow a request, so an authorizer that sees fewer allows less, never more.
func fieldRequirements(s *authorizationv1.FieldSelectorAttributes) (fields.Requirements, error) {
	if s.RawSelector != "" {
		parsed, err := fields.ParseSelector(s.RawSelector)
		if err != nil {
			return nil, err
		}
		return parsed.Requirements(), nil
	}
	var out fields.Requirements
	var errs []error
	for _, r := range s.Requirements {
		op, known := map[metav1.FieldSelectorOperator]selection.Operator{
			metav1.FieldSelectorOpIn: selection.Equals, metav1.FieldSelectorOpNotIn: selection.NotEquals}[r.Operator]
		if !known || len(r.Values) != 1 {
			errs = append(errs, fmt.Errorf("field selector %q: %s with %d values is not supported, want In or NotIn with one", r.Key, r.Operator, len(r.Values)))
			continue
		}
		out = append(out, fields.Requirement{Operator: op, Field: r.Key, Value: r.Values[0]})
	}
	return out, errors.Join(errs...)
}

func labelRequirements(s *authorizationv1.LabelSelectorAttributes) (labels.Requirements, error) {
	if s.RawSelector != "" {
		parsed, err := labels.Parse(s.RawSelector)
		if err != nil {
			return nil, err
		}
		out, _ := parsed.Requirements()
		return out, nil
	}
	var out labels.Requirements
	var errs []error
	for _, r := range s.Requirements {
		selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{r}})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		one, _ := selector.Requirements()
		out = append(out, one...)
	}
	return out, errors.Join(errs...)
}
