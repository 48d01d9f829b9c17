package validation

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Node checks a new node.
func Node(n *corev1.Node) field.ErrorList {
	errs := newMeta(&n.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, taints(specPath.Child("taints"), n.Spec.Taints)...)
	errs = append(errs, nodeResources(n)...)
	return append(errs, podCIDRs(specPath.Child("podCIDRs"), n.Spec.PodCIDRs)...)
}

func taints(p *field.Path, list []corev1.Taint) (errs field.ErrorList) {
	type identity struct {
		key    string
		effect corev1.TaintEffect
	}
	seen := sets.New[identity]()
	for i, t := range list {
		at := p.Index(i)
		errs = append(errs, metav1validation.ValidateLabelName(t.Key, at.Child("key"))...)
		if bad := validation.IsValidLabelValue(t.Value); len(bad) > 0 {
			errs = append(errs, field.Invalid(at.Child("value"), t.Value, strings.Join(bad, ";")))
		}
		errs = append(errs, taintEffect(at.Child("effect"), t.Effect)...)
		id := identity{t.Key, t.Effect}
		if seen.Has(id) {
			duplicate := field.Duplicate(at, t)
			duplicate.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, duplicate)
		}
		seen.Insert(id)
	}
	return errs
}

func nodeResources(n *corev1.Node) (errs field.ErrorList) {
	check := func(p *field.Path, l corev1.ResourceList) {
		for _, name := range resourceNames(l) {
			errs = append(errs, quantity(p.Key(string(name)), name, l[name])...)
		}
	}
	check(statusPath.Child("capacity"), n.Status.Capacity)
	check(statusPath.Child("allocatable"), n.Status.Allocatable)
	return errs
}

func podCIDRs(p *field.Path, list []string) (errs field.ErrorList) {
	for i, s := range list {
		errs = append(errs, cidr(p.Index(i), s)...)
	}
	if len(errs) > 0 || len(list) < 2 {
		return errs
	}
	a, errA := netip.ParsePrefix(list[0])
	b, errB := netip.ParsePrefix(list[1])
	if len(list) > 2 || errA != nil || errB != nil || a.Addr().Is4() == b.Addr().Is4() {
		errs = append(errs, field.Invalid(p, list, "may specify no more than one CIDR for each IP family"))
	}
	return errs
}

// NodeUpdate checks a replacement of a node: it may be labelled, tainted, cordoned, and be given
// what it is created without.
func NodeUpdate(n, old *corev1.Node) field.ErrorList {
	errs := updatedMeta(&n.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, Node(n)...)
	if len(old.Spec.PodCIDRs) > 0 && !equal(n.Spec.PodCIDRs, old.Spec.PodCIDRs) {
		errs = append(errs, field.Forbidden(specPath.Child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
	}
	if old.Spec.ProviderID != "" && n.Spec.ProviderID != old.Spec.ProviderID {
		errs = append(errs, field.Forbidden(specPath.Child("providerID"), "node updates may not change providerID except from \"\" to valid"))
	}
	rest := n.Spec.DeepCopy()
	rest.Taints, rest.Unschedulable = old.Spec.Taints, old.Spec.Unschedulable
	rest.PodCIDR, rest.PodCIDRs, rest.ProviderID = old.Spec.PodCIDR, old.Spec.PodCIDRs, old.Spec.ProviderID
	rest.ConfigSource, rest.PodPreemptionPolicy = old.Spec.ConfigSource, old.Spec.PodPreemptionPolicy
	if !equal(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(field.NewPath(""), "node updates may only change labels, taints, or capacity"))
	}
	return errs
}

// NodeStatusUpdate checks a write to a node's status.
func NodeStatusUpdate(n, old *corev1.Node) field.ErrorList {
	errs := append(updatedMeta(&n.ObjectMeta, &old.ObjectMeta), nodeResources(n)...)
	seen := sets.New[corev1.NodeAddress]()
	for i, a := range n.Status.Addresses {
		if seen.Has(a) {
			errs = append(errs, field.Duplicate(statusPath.Child("addresses").Index(i), a))
		}
		seen.Insert(a)
	}
	return errs
}
