package validation

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func protocol(p *field.Path, value corev1.Protocol) field.ErrorList {
	return oneOf(p, value, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)
}

func containerPorts(p *field.Path, ports []corev1.ContainerPort) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, port := range ports {
		at := p.Index(i)
		if port.Name != "" {
			switch bad := validation.IsValidPortName(port.Name); {
			case len(bad) > 0:
				errs = append(errs, invalids(at.Child("name"), port.Name, bad)...)
			case names.Has(port.Name):
				errs = append(errs, field.Duplicate(at.Child("name"), port.Name))
			default:
				names.Insert(port.Name)
			}
		}
		if port.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, portNumber(at.Child("containerPort"), port.ContainerPort)...)
		}
		if port.HostPort != 0 {
			errs = append(errs, portNumber(at.Child("hostPort"), port.HostPort)...)
		}
		errs = append(errs, protocol(at.Child("protocol"), port.Protocol)...)
		if port.HostIP != "" {
			errs = append(errs, ipAddress(at.Child("hostIP"), port.HostIP)...)
		}
	}
	return errs
}

// ipAddress checks a field that predates strict validation of addresses: leading zeros and
// IPv4-mapped addresses are refused, non-canonical forms are not.
// ipAddress wants an address in its usual form, or one that the object had already: forms such as
// 010.0.0.1, which readers understand differently, were accepted once.
func ipAddress(p *field.Path, s string, had ...string) field.ErrorList {
	return validation.IsValidIPForLegacyField(p, s, true, had)
}

// cidr wants a range in its usual form, or one that the object had already.
func cidr(p *field.Path, s string, had ...string) field.ErrorList {
	return validation.IsValidCIDRForLegacyField(p, s, true, had)
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && !a.Is4In6()
}

// hostPortConflicts finds containers that want the same port of the node.
func hostPortConflicts(p *field.Path, containers []corev1.Container) (errs field.ErrorList) {
	taken := sets.New[string]()
	for i := range containers {
		for j, port := range containers[i].Ports {
			if port.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
			if taken.Has(key) {
				errs = append(errs, field.Duplicate(p.Index(i).Child("ports").Index(j).Child("hostPort"), key))
			}
			taken.Insert(key)
		}
	}
	return errs
}

// hostNetworkPorts: on the node's network a container's port is the node's port. Templates may leave
// it out, it is filled in when a pod is made of them.
func hostNetworkPorts(p *field.Path, containers []corev1.Container, isPod bool) (errs field.ErrorList) {
	for i := range containers {
		for j, port := range containers[i].Ports {
			if port.HostPort == port.ContainerPort || port.HostPort == 0 && !isPod {
				continue
			}
			errs = append(errs, field.Invalid(p.Index(i).Child("ports").Index(j).Child("hostPort"), port.HostPort,
				"must match `containerPort` when `hostNetwork` is true"))
		}
	}
	return errs
}
