package validation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Endpoints checks a new Endpoints object.
func Endpoints(e *corev1.Endpoints) field.ErrorList {
	return append(newMeta(&e.ObjectMeta, namespaced, subdomainName), subsets(e.Subsets)...)
}

func subsets(list []corev1.EndpointSubset, had ...string) (errs field.ErrorList) {
	for i := range list {
		at, s := field.NewPath("subsets").Index(i), &list[i]
		if len(s.Addresses) == 0 && len(s.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(at, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j := range s.Addresses {
			errs = append(errs, endpointAddress(at.Child("addresses").Index(j), &s.Addresses[j], had)...)
		}
		for j := range s.NotReadyAddresses {
			errs = append(errs, endpointAddress(at.Child("notReadyAddresses").Index(j), &s.NotReadyAddresses[j], had)...)
		}
		for j, port := range s.Ports {
			p := at.Child("ports").Index(j)
			if port.Name == "" && len(s.Ports) > 1 {
				errs = append(errs, field.Required(p.Child("name"), ""))
			} else if port.Name != "" {
				errs = append(errs, dnsLabel(p.Child("name"), port.Name)...)
			}
			errs = append(errs, portNumber(p.Child("port"), port.Port)...)
			errs = append(errs, protocol(p.Child("protocol"), port.Protocol)...)
			if port.AppProtocol != nil {
				errs = append(errs, qualifiedName(p.Child("appProtocol"), *port.AppProtocol)...)
			}
		}
	}
	return errs
}

// EndpointsUpdate checks a replacement of an Endpoints object; everything may change, and what did not
// is not judged by rules that are newer than it.
func EndpointsUpdate(e, old *corev1.Endpoints) field.ErrorList {
	errs := append(updatedMeta(&e.ObjectMeta, &old.ObjectMeta), newMeta(&e.ObjectMeta, namespaced, subdomainName)...)
	if equal(e.Subsets, old.Subsets) {
		return errs
	}
	var had []string
	for i := range old.Subsets {
		for _, list := range [][]corev1.EndpointAddress{old.Subsets[i].Addresses, old.Subsets[i].NotReadyAddresses} {
			for _, a := range list {
				had = append(had, a.IP)
			}
		}
	}
	return append(errs, subsets(e.Subsets, had...)...)
}

func endpointAddress(p *field.Path, a *corev1.EndpointAddress, had []string) field.ErrorList {
	errs := ipAddress(p.Child("ip"), a.IP, had...)
	if a.Hostname != "" {
		errs = append(errs, dnsLabel(p.Child("hostname"), a.Hostname)...)
	}
	if a.NodeName != nil {
		errs = append(errs, dnsSubdomain(p.Child("nodeName"), *a.NodeName)...)
	}
	return append(errs, ordinaryIP(p.Child("ip"), a.IP)...)
}

// Limits of an EndpointSlice, see its API reference.
const (
	maxEndpoints     = 1000
	maxSlicePorts    = 20000
	maxAddresses     = 100
	maxZoneHints     = 8
	maxNodeHints     = 8
	maxTopologyParts = 16
)

// EndpointSlice checks a new EndpointSlice.
func EndpointSlice(s *discoveryv1.EndpointSlice) field.ErrorList {
	return append(sliceBasics(s), sliceEndpoints(field.NewPath("endpoints"), s, nil)...)
}

func sliceBasics(s *discoveryv1.EndpointSlice) field.ErrorList {
	errs := newMeta(&s.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, oneOf(field.NewPath("addressType"), s.AddressType,
		discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)...)
	return append(errs, slicePorts(field.NewPath("ports"), s.Ports)...)
}

// EndpointSliceUpdate checks a replacement of an EndpointSlice. Endpoints that did not change are not
// judged by rules that are newer than they.
func EndpointSliceUpdate(s, old *discoveryv1.EndpointSlice) field.ErrorList {
	errs := append(updatedMeta(&s.ObjectMeta, &old.ObjectMeta), sliceBasics(s)...)
	if !equal(s.Endpoints, old.Endpoints) {
		var had []string
		for _, e := range old.Endpoints {
			had = append(had, e.Addresses...)
		}
		errs = append(errs, sliceEndpoints(field.NewPath("endpoints"), s, had)...)
	}
	return append(errs, unchanged(field.NewPath("addressType"), s.AddressType, old.AddressType)...)
}

func sliceEndpoints(p *field.Path, s *discoveryv1.EndpointSlice, had []string) (errs field.ErrorList) {
	if len(s.Endpoints) > maxEndpoints {
		return field.ErrorList{field.TooMany(p, len(s.Endpoints), maxEndpoints)}
	}
	for i := range s.Endpoints {
		e, at := &s.Endpoints[i], p.Index(i)
		addresses := at.Child("addresses")
		switch n := len(e.Addresses); {
		case n == 0:
			errs = append(errs, field.Required(addresses, "must contain at least 1 address"))
		case n > maxAddresses:
			errs = append(errs, field.TooMany(addresses, n, maxAddresses))
		}
		for j, a := range e.Addresses {
			errs = append(errs, sliceAddress(addresses.Index(j), a, s.AddressType, had)...)
		}
		if e.NodeName != nil {
			errs = append(errs, dnsSubdomain(at.Child("nodeName"), *e.NodeName)...)
		}
		if len(e.DeprecatedTopology) > maxTopologyParts {
			errs = append(errs, field.TooMany(at.Child("deprecatedTopology"), len(e.DeprecatedTopology), maxTopologyParts))
		}
		errs = append(errs, labels(at.Child("deprecatedTopology"), e.DeprecatedTopology)...)
		if e.Hostname != nil {
			errs = append(errs, dnsLabel(at.Child("hostname"), *e.Hostname)...)
		}
		errs = append(errs, endpointHints(at.Child("hints"), e.Hints)...)
	}
	return errs
}

func sliceAddress(p *field.Path, a string, t discoveryv1.AddressType, had []string) field.ErrorList {
	switch t {
	case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
		if slices.Contains(had, a) {
			return nil
		}
		if bad := ipAddress(p, a); len(bad) > 0 {
			return bad
		}
		if v6 := isIPv6(a); v6 != (t == discoveryv1.AddressTypeIPv6) {
			return field.ErrorList{field.Invalid(p, a, "must be an "+string(t)+" address")}
		}
		return ordinaryIP(p, a)
	case discoveryv1.AddressTypeFQDN:
		return validation.IsFullyQualifiedDomainName(p, a)
	}
	return nil
}

func endpointHints(p *field.Path, h *discoveryv1.EndpointHints) (errs field.ErrorList) {
	if h == nil {
		return nil
	}
	if len(h.ForZones) > maxZoneHints {
		errs = append(errs, field.TooMany(p.Child("forZones"), len(h.ForZones), maxZoneHints))
	}
	seen := sets.New[string]()
	for i, z := range h.ForZones {
		at := p.Child("forZones").Index(i).Child("name")
		if seen.Has(z.Name) {
			errs = append(errs, field.Duplicate(at, z.Name))
		}
		seen.Insert(z.Name)
		errs = append(errs, invalids(at, z.Name, validation.IsValidLabelValue(z.Name))...)
	}
	if len(h.ForNodes) > maxNodeHints {
		errs = append(errs, field.TooMany(p.Child("forNodes"), len(h.ForNodes), maxNodeHints))
	}
	seen = sets.New[string]()
	for i, n := range h.ForNodes {
		at := p.Child("forNodes").Index(i).Child("name")
		if seen.Has(n.Name) {
			errs = append(errs, field.Duplicate(at, n.Name))
		}
		seen.Insert(n.Name)
		errs = append(errs, dnsSubdomain(at, n.Name)...)
	}
	return errs
}

func slicePorts(p *field.Path, ports []discoveryv1.EndpointPort) (errs field.ErrorList) {
	if len(ports) > maxSlicePorts {
		return field.ErrorList{field.TooMany(p, len(ports), maxSlicePorts)}
	}
	names := sets.New[string]()
	for i, port := range ports {
		at := p.Index(i)
		if port.Name == nil {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			if *port.Name != "" {
				errs = append(errs, dnsLabel(at.Child("name"), *port.Name)...)
			}
			if names.Has(*port.Name) {
				errs = append(errs, field.Duplicate(at.Child("name"), *port.Name))
			}
			names.Insert(*port.Name)
		}
		if port.Protocol == nil {
			errs = append(errs, field.Required(at.Child("protocol"), ""))
		} else {
			errs = append(errs, protocol(at.Child("protocol"), *port.Protocol)...)
		}
		if port.Port != nil {
			errs = append(errs, portNumber(at.Child("port"), *port.Port)...)
		}
		if port.AppProtocol != nil {
			errs = append(errs, qualifiedName(at.Child("appProtocol"), *port.AppProtocol)...)
		}
	}
	return errs
}
