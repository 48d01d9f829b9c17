package validation

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// canonicalIP is the rule of names of IPAddress objects: one address, one name.
func canonicalIP(name string, _ bool) []string {
	ip, err := netip.ParseAddr(name)
	switch {
	case err != nil:
		return []string{err.Error()}
	case ip.Is4In6():
		return []string{"must not be an IPv4-mapped IPv6 address"}
	case ip.String() != name:
		return []string{"must be a canonical format IP address"}
	}
	return nil
}

// IPAddress checks a new IPAddress.
func IPAddress(a *networkingv1.IPAddress) field.ErrorList {
	errs := newMeta(&a.ObjectMeta, clusterScoped, canonicalIP)
	p, ref := specPath.Child("parentRef"), a.Spec.ParentRef
	if ref == nil {
		return append(errs, field.Required(p, ""))
	}
	if ref.Group != "" {
		errs = append(errs, dnsSubdomain(p.Child("group"), ref.Group)...)
	}
	errs = append(errs, required(p.Child("resource"), ref.Resource)...)
	errs = append(errs, pathSegment(p.Child("resource"), ref.Resource)...)
	errs = append(errs, required(p.Child("name"), ref.Name)...)
	errs = append(errs, pathSegment(p.Child("name"), ref.Name)...)
	return append(errs, pathSegment(p.Child("namespace"), ref.Namespace)...)
}

// pathSegment wants what can be a part of a URL's path, if anything.
func pathSegment(p *field.Path, s string) field.ErrorList {
	return invalids(p, s, pathvalidation.IsValidPathSegmentName(s))
}

// IPAddressUpdate checks a replacement of an IPAddress, which belongs to one object for good.
func IPAddressUpdate(a, old *networkingv1.IPAddress) field.ErrorList {
	errs := append(updatedMeta(&a.ObjectMeta, &old.ObjectMeta), IPAddress(a)...)
	return append(errs, unchanged(specPath.Child("parentRef"), a.Spec.ParentRef, old.Spec.ParentRef)...)
}

// ServiceCIDR checks a new ServiceCIDR.
func ServiceCIDR(c *networkingv1.ServiceCIDR) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, clusterScoped, subdomainName)
	p, list := specPath.Child("cidrs"), c.Spec.CIDRs
	if len(list) == 0 {
		return append(errs, field.Required(p, "at least one CIDR required"))
	}
	if len(list) > 2 {
		return append(errs, field.Invalid(p, c.Spec, "may only hold up to 2 values"))
	}
	for i, s := range list {
		errs = append(errs, validation.IsValidCIDR(p.Index(i), s)...)
	}
	if len(list) == 2 {
		a, errA := netip.ParsePrefix(list[0])
		b, errB := netip.ParsePrefix(list[1])
		if errA == nil && errB == nil && a.Addr().Is4() == b.Addr().Is4() {
			errs = append(errs, field.Invalid(p, c.Spec, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"))
		}
	}
	return errs
}

// ServiceCIDRUpdate checks a replacement of a ServiceCIDR: a second family may be added, once.
func ServiceCIDRUpdate(c, old *networkingv1.ServiceCIDR) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	p, now, was := specPath.Child("cidrs"), c.Spec.CIDRs, old.Spec.CIDRs
	grown := len(was) == 1 && len(now) == 2
	if len(now) != len(was) && !grown {
		return append(errs, field.Invalid(p, now, immutable))
	}
	for i := range was {
		if now[i] != was[i] {
			errs = append(errs, field.Invalid(p.Index(i), now[i], immutable))
		}
	}
	if grown {
		errs = append(errs, ServiceCIDR(c)...)
	}
	return errs
}

// ServiceCIDRStatusUpdate checks a write to a ServiceCIDR's status.
func ServiceCIDRStatusUpdate(c, old *networkingv1.ServiceCIDR) field.ErrorList {
	return updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
}
