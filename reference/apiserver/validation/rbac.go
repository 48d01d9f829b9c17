package validation

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// RBAC names are free but for what would break a URL: system:node is one.
var rbacName = path.ValidatePathSegmentName

// Role checks a new Role.
func Role(r *rbacv1.Role) field.ErrorList {
	return append(newMeta(&r.ObjectMeta, namespaced, rbacName), policyRules(field.NewPath("rules"), r.Rules, namespaced)...)
}

// RoleUpdate checks a replacement of a Role.
func RoleUpdate(r, old *rbacv1.Role) field.ErrorList {
	return append(updatedMeta(&r.ObjectMeta, &old.ObjectMeta), Role(r)...)
}

// ClusterRole checks a new ClusterRole.
func ClusterRole(r *rbacv1.ClusterRole) field.ErrorList {
	errs := newMeta(&r.ObjectMeta, clusterScoped, rbacName)
	errs = append(errs, policyRules(field.NewPath("rules"), r.Rules, clusterScoped)...)
	if r.AggregationRule == nil {
		return errs
	}
	p := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(r.AggregationRule.ClusterRoleSelectors) == 0 {
		errs = append(errs, field.Required(p, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
	}
	for i := range r.AggregationRule.ClusterRoleSelectors {
		errs = append(errs, labelSelector(p.Index(i), &r.AggregationRule.ClusterRoleSelectors[i])...)
	}
	return errs
}

// ClusterRoleUpdate checks a replacement of a ClusterRole.
func ClusterRoleUpdate(r, old *rbacv1.ClusterRole) field.ErrorList {
	return append(updatedMeta(&r.ObjectMeta, &old.ObjectMeta), ClusterRole(r)...)
}

func policyRules(p *field.Path, rules []rbacv1.PolicyRule, isNamespaced bool) (errs field.ErrorList) {
	for i, r := range rules {
		at := p.Index(i)
		if len(r.Verbs) == 0 {
			errs = append(errs, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
		}
		if len(r.NonResourceURLs) > 0 {
			if isNamespaced {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceURLs, "namespaced rules cannot apply to non-resource URLs"))
			}
			if len(r.APIGroups) > 0 || len(r.Resources) > 0 || len(r.ResourceNames) > 0 {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
			}
			continue
		}
		if len(r.APIGroups) == 0 {
			errs = append(errs, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group"))
		}
		if len(r.Resources) == 0 {
			errs = append(errs, field.Required(at.Child("resources"), "resource rules must supply at least one resource"))
		}
	}
	return errs
}

// RoleBinding checks a new RoleBinding.
func RoleBinding(b *rbacv1.RoleBinding) field.ErrorList {
	errs := newMeta(&b.ObjectMeta, namespaced, rbacName)
	errs = append(errs, roleRef(&b.RoleRef, "Role", "ClusterRole")...)
	return append(errs, subjects(b.Subjects, namespaced)...)
}

// RoleBindingUpdate checks a replacement of a RoleBinding.
func RoleBindingUpdate(b, old *rbacv1.RoleBinding) field.ErrorList {
	errs := append(updatedMeta(&b.ObjectMeta, &old.ObjectMeta), RoleBinding(b)...)
	return append(errs, sameRole(b.RoleRef, old.RoleRef)...)
}

// ClusterRoleBinding checks a new ClusterRoleBinding.
func ClusterRoleBinding(b *rbacv1.ClusterRoleBinding) field.ErrorList {
	errs := newMeta(&b.ObjectMeta, clusterScoped, rbacName)
	errs = append(errs, roleRef(&b.RoleRef, "ClusterRole")...)
	return append(errs, subjects(b.Subjects, clusterScoped)...)
}

// ClusterRoleBindingUpdate checks a replacement of a ClusterRoleBinding.
func ClusterRoleBindingUpdate(b, old *rbacv1.ClusterRoleBinding) field.ErrorList {
	errs := append(updatedMeta(&b.ObjectMeta, &old.ObjectMeta), ClusterRoleBinding(b)...)
	return append(errs, sameRole(b.RoleRef, old.RoleRef)...)
}

// sameRole: a binding to another role is another binding; changing it would let whoever may edit a
// list of subjects hand out any role.
func sameRole(r, old rbacv1.RoleRef) field.ErrorList {
	if r != old {
		return field.ErrorList{field.Invalid(field.NewPath("roleRef"), r, "cannot change roleRef")}
	}
	return nil
}

func roleRef(r *rbacv1.RoleRef, kinds ...string) field.ErrorList {
	p := field.NewPath("roleRef")
	errs := supportedValue(p.Child("apiGroup"), r.APIGroup, rbacv1.GroupName)
	errs = append(errs, supportedValue(p.Child("kind"), r.Kind, kinds...)...)
	if r.Name == "" {
		return append(errs, field.Required(p.Child("name"), ""))
	}
	return append(errs, invalids(p.Child("name"), r.Name, rbacName(r.Name, false))...)
}

func subjects(list []rbacv1.Subject, isNamespaced bool) (errs field.ErrorList) {
	for i, s := range list {
		at := field.NewPath("subjects").Index(i)
		errs = append(errs, required(at.Child("name"), s.Name)...)
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			if s.Name != "" {
				errs = append(errs, dnsSubdomain(at.Child("name"), s.Name)...)
			}
			errs = append(errs, supportedValue(at.Child("apiGroup"), s.APIGroup, "")...)
			if !isNamespaced {
				errs = append(errs, required(at.Child("namespace"), s.Namespace)...)
			}
		case rbacv1.UserKind, rbacv1.GroupKind:
			errs = append(errs, supportedValue(at.Child("apiGroup"), s.APIGroup, rbacv1.GroupName)...)
		default:
			errs = append(errs, field.NotSupported(at.Child("kind"), s.Kind, []string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
		}
	}
	return errs
}
