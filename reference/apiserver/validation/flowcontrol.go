package validation

import (
	"fmt"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
)

// FlowSchema checks a new FlowSchema.
func FlowSchema(f *flowcontrolv1.FlowSchema) field.ErrorList {
	s := &f.Spec
	errs := newMeta(&f.ObjectMeta, clusterScoped, subdomainName)
	precedence := specPath.Child("matchingPrecedence")
	if s.MatchingPrecedence <= 0 {
		errs = append(errs, field.Invalid(precedence, s.MatchingPrecedence, "must be a positive value"))
	}
	if s.MatchingPrecedence > flowcontrolv1.FlowSchemaMaxMatchingPrecedence {
		errs = append(errs, field.Invalid(precedence, s.MatchingPrecedence, fmt.Sprintf("must not be greater than %v", flowcontrolv1.FlowSchemaMaxMatchingPrecedence)))
	}
	if s.MatchingPrecedence == 1 && f.Name != flowcontrolv1.FlowSchemaNameExempt {
		errs = append(errs, field.Invalid(precedence, s.MatchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
	}
	if d := s.DistinguisherMethod; d != nil {
		errs = append(errs, supportedValue(specPath.Child("distinguisherMethod", "type"), d.Type,
			flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType)...)
	}
	name := specPath.Child("priorityLevelConfiguration", "name")
	if s.PriorityLevelConfiguration.Name == "" {
		errs = append(errs, field.Required(name, "must reference a priority level"))
	} else {
		errs = append(errs, dnsSubdomain(name, s.PriorityLevelConfiguration.Name)...)
	}
	for i := range s.Rules {
		errs = append(errs, flowRule(specPath.Child("rules").Index(i), &s.Rules[i])...)
	}
	for _, mandatory := range bootstrap.MandatoryFlowSchemas {
		if f.Name == mandatory.Name && !equal(*s, mandatory.Spec) {
			errs = append(errs, field.Invalid(specPath, *s, fmt.Sprintf("spec of '%s' must equal the fixed value", f.Name)))
		}
	}
	return errs
}

// flowVerbs are those of requests for resources.
var flowVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"}

func flowRule(p *field.Path, r *flowcontrolv1.PolicyRulesWithSubjects) (errs field.ErrorList) {
	if len(r.Subjects) == 0 {
		errs = append(errs, field.Required(p.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range r.Subjects {
		errs = append(errs, flowSubject(p.Child("subjects").Index(i), &r.Subjects[i])...)
	}
	if len(r.ResourceRules) == 0 && len(r.NonResourceRules) == 0 {
		errs = append(errs, field.Required(p, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	atLeastOne := func(p *field.Path, list []string, what, none string) {
		if len(list) == 0 {
			errs = append(errs, field.Required(p, none))
		} else if len(list) > 1 && slices.Contains(list, "*") {
			errs = append(errs, field.Invalid(p, list, "if '*' is present, must not specify other "+what))
		}
	}
	for i, rr := range r.ResourceRules {
		at := p.Child("resourceRules").Index(i)
		atLeastOne(at.Child("verbs"), rr.Verbs, "verbs", noVerbs)
		if unknown := func(v string) bool { return v != "*" && !slices.Contains(flowVerbs, v) }; slices.ContainsFunc(rr.Verbs, unknown) && !slices.Contains(rr.Verbs, "*") {
			errs = append(errs, field.NotSupported(at.Child("verbs"), rr.Verbs, flowVerbs))
		}
		atLeastOne(at.Child("apiGroups"), rr.APIGroups, "api groups", "resource rules must supply at least one api group")
		atLeastOne(at.Child("resources"), rr.Resources, "resources", "resource rules must supply at least one resource")
		if len(rr.Namespaces) == 0 && !rr.ClusterScope {
			errs = append(errs, field.Required(at.Child("namespaces"), "resource rules that are not cluster scoped must supply at least one namespace"))
		}
		if slices.Contains(rr.Namespaces, flowcontrolv1.NamespaceEvery) {
			if len(rr.Namespaces) > 1 {
				errs = append(errs, field.Invalid(at.Child("namespaces"), rr.Namespaces, "if '*' is present, must not specify other namespaces"))
			}
			continue
		}
		for j, n := range rr.Namespaces {
			for _, m := range apivalidation.ValidateNamespaceName(n, false) {
				errs = append(errs, field.Invalid(at.Child("namespaces").Index(j), n, "each member of this list must be '*' or a DNS-1123 label; "+m))
			}
		}
	}
	for i, nr := range r.NonResourceRules {
		at := p.Child("nonResourceRules").Index(i)
		atLeastOne(at.Child("verbs"), nr.Verbs, "verbs", noVerbs)
		urls := at.Child("nonResourceURLs")
		atLeastOne(urls, nr.NonResourceURLs, "non-resource URLs", "nonResourceURLs must contain at least one value")
		if slices.Contains(nr.NonResourceURLs, flowcontrolv1.NonResourceAll) {
			continue
		}
		for j, u := range nr.NonResourceURLs {
			if detail := urlFault(u); detail != "" {
				errs = append(errs, field.Invalid(urls.Index(j), u, detail))
			}
		}
	}
	return errs
}

const noVerbs = "verbs must contain at least one value"

// urlFault says what is wrong with a path, which may end with a wildcard; "" for nothing.
func urlFault(u string) string {
	switch wildcards := strings.Count(u, "*"); {
	case u == "":
		return "must not be empty"
	case u == "/":
		return ""
	case !strings.HasPrefix(u, "/"):
		return "must start with slash"
	case strings.Contains(u, " "):
		return "must not contain white-space"
	case strings.Contains(u, "//"):
		return "must not contain double slash"
	case wildcards > 1 || wildcards == 1 && !strings.HasSuffix(u, "/*"):
		return "wildcard can only do suffix matching"
	}
	return ""
}

func flowSubject(p *field.Path, s *flowcontrolv1.Subject) (errs field.ErrorList) {
	member := func(kind flowcontrolv1.SubjectKind, name string, present bool, check func(*field.Path)) {
		at := p.Child(name)
		switch {
		case s.Kind == kind && !present:
			errs = append(errs, field.Required(at, fmt.Sprintf("%s is required when subject kind is '%s'", name, kind)))
		case s.Kind != kind && present:
			errs = append(errs, field.Forbidden(at, fmt.Sprintf("%s is forbidden when subject kind is not '%s'", name, kind)))
		case present:
			check(at)
		}
	}
	errs = append(errs, supportedValue(p.Child("kind"), s.Kind, flowcontrolv1.SubjectKindGroup,
		flowcontrolv1.SubjectKindServiceAccount, flowcontrolv1.SubjectKindUser)...)
	member(flowcontrolv1.SubjectKindServiceAccount, "serviceAccount", s.ServiceAccount != nil, func(p *field.Path) {
		if s.ServiceAccount.Name != flowcontrolv1.NameAll {
			errs = append(errs, dnsSubdomain(p.Child("name"), s.ServiceAccount.Name)...)
		}
		errs = append(errs, required(p.Child("namespace"), s.ServiceAccount.Namespace)...)
	})
	member(flowcontrolv1.SubjectKindUser, "user", s.User != nil, func(p *field.Path) {
		errs = append(errs, required(p.Child("name"), s.User.Name)...)
	})
	member(flowcontrolv1.SubjectKindGroup, "group", s.Group != nil, func(p *field.Path) {
		errs = append(errs, required(p.Child("name"), s.Group.Name)...)
	})
	return errs
}

// FlowSchemaUpdate checks a replacement of a FlowSchema; everything may change.
func FlowSchemaUpdate(f, old *flowcontrolv1.FlowSchema) field.ErrorList {
	return append(updatedMeta(&f.ObjectMeta, &old.ObjectMeta), FlowSchema(f)...)
}

// FlowSchemaStatusUpdate checks a write to a FlowSchema's status.
func FlowSchemaStatusUpdate(f, old *flowcontrolv1.FlowSchema) field.ErrorList {
	errs := updatedMeta(&f.ObjectMeta, &old.ObjectMeta)
	seen := map[flowcontrolv1.FlowSchemaConditionType]bool{}
	for i, c := range f.Status.Conditions {
		at := statusPath.Child("conditions").Index(i)
		errs = append(errs, required(at.Child("type"), string(c.Type))...)
		if seen[c.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), c.Type))
		}
		seen[c.Type] = true
	}
	return errs
}
