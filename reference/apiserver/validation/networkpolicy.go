package validation

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// NetworkPolicy checks a new NetworkPolicy.
func NetworkPolicy(n *networkingv1.NetworkPolicy) field.ErrorList { return networkPolicy(n, nil) }

func networkPolicy(n *networkingv1.NetworkPolicy, had []string) field.ErrorList {
	errs := newMeta(&n.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, labelSelector(specPath.Child("podSelector"), &n.Spec.PodSelector)...)
	for i := range n.Spec.Ingress {
		at := specPath.Child("ingress").Index(i)
		errs = append(errs, policyPorts(at.Child("ports"), n.Spec.Ingress[i].Ports)...)
		errs = append(errs, policyPeers(at.Child("from"), n.Spec.Ingress[i].From, had)...)
	}
	for i := range n.Spec.Egress {
		at := specPath.Child("egress").Index(i)
		errs = append(errs, policyPorts(at.Child("ports"), n.Spec.Egress[i].Ports)...)
		errs = append(errs, policyPeers(at.Child("to"), n.Spec.Egress[i].To, had)...)
	}
	if len(n.Spec.PolicyTypes) > 2 {
		return append(errs, field.Invalid(specPath.Child("policyTypes"), &n.Spec.PolicyTypes, "may not specify more than two policyTypes"))
	}
	for i, t := range n.Spec.PolicyTypes {
		errs = append(errs, supportedValue(specPath.Child("policyTypes").Index(i), t, networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress)...)
	}
	return errs
}

// NetworkPolicyUpdate checks a replacement of a NetworkPolicy; everything may change.
func NetworkPolicyUpdate(n, old *networkingv1.NetworkPolicy) field.ErrorList {
	var had []string
	peers := func(list []networkingv1.NetworkPolicyPeer) {
		for _, peer := range list {
			if peer.IPBlock != nil {
				had = append(append(had, peer.IPBlock.CIDR), peer.IPBlock.Except...)
			}
		}
	}
	for _, rule := range old.Spec.Ingress {
		peers(rule.From)
	}
	for _, rule := range old.Spec.Egress {
		peers(rule.To)
	}
	return append(updatedMeta(&n.ObjectMeta, &old.ObjectMeta), networkPolicy(n, had)...)
}

func policyPorts(p *field.Path, ports []networkingv1.NetworkPolicyPort) (errs field.ErrorList) {
	for i, port := range ports {
		at := p.Index(i)
		if port.Protocol != nil {
			errs = append(errs, protocol(at.Child("protocol"), *port.Protocol)...)
		}
		if port.Port != nil {
			errs = append(errs, portNumberOrName(at.Child("port"), *port.Port)...)
		}
		if port.EndPort == nil {
			continue
		}
		end := at.Child("endPort")
		switch {
		case port.Port == nil:
			errs = append(errs, field.Invalid(end, *port.EndPort, "may not be specified when `port` is not specified"))
		case port.Port.Type == intstr.String:
			errs = append(errs, field.Invalid(end, *port.EndPort, "may not be specified when `port` is non-numeric"))
		case *port.EndPort < port.Port.IntVal:
			errs = append(errs, field.Invalid(end, port.Port.IntVal, "must be greater than or equal to `port`"))
		default:
			errs = append(errs, portNumber(end, *port.EndPort)...)
		}
	}
	return errs
}

func policyPeers(p *field.Path, peers []networkingv1.NetworkPolicyPeer, had []string) (errs field.ErrorList) {
	for i := range peers {
		at, peer := p.Index(i), &peers[i]
		selects := peer.PodSelector != nil || peer.NamespaceSelector != nil
		errs = append(errs, labelSelector(at.Child("podSelector"), peer.PodSelector)...)
		errs = append(errs, labelSelector(at.Child("namespaceSelector"), peer.NamespaceSelector)...)
		switch {
		case peer.IPBlock == nil && !selects:
			errs = append(errs, field.Required(at, "must specify a peer"))
		case peer.IPBlock != nil && selects:
			errs = append(errs, field.Forbidden(at, "may not specify both ipBlock and another peer"))
		}
		if peer.IPBlock != nil {
			errs = append(errs, ipBlock(at.Child("ipBlock"), peer.IPBlock, had)...)
		}
	}
	return errs
}

func ipBlock(p *field.Path, b *networkingv1.IPBlock, had []string) field.ErrorList {
	if b.CIDR == "" {
		return field.ErrorList{field.Required(p.Child("cidr"), "")}
	}
	errs := cidr(p.Child("cidr"), b.CIDR, had...)
	whole, err := netip.ParsePrefix(b.CIDR)
	for i, e := range b.Except {
		at := p.Child("except").Index(i)
		bad := cidr(at, e, had...)
		errs = append(errs, bad...)
		part, partErr := netip.ParsePrefix(e)
		if len(bad) > 0 || err != nil || partErr != nil {
			continue
		}
		if !whole.Contains(part.Addr()) || part.Bits() <= whole.Bits() {
			errs = append(errs, field.Invalid(at, e, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}
