package endpointslicemirroring

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// group is what one slice holds: the endpoints of a family that have the same ports.
type group struct {
	ports     []discoveryv1.EndpointPort
	endpoints []discoveryv1.Endpoint
}

type groupKey struct {
	family discoveryv1.AddressType
	ports  string
}

func compareGroups(a, b groupKey) int {
	return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.ports, b.ports))
}

// member is an address as a subset has it. One of the same address and target is
// one member, with the ports of all the subsets that it is in.
type member struct {
	ip     string
	target types.UID
	ready  bool
}

// groupsOf sorts the addresses of the subsets into groups. It also says how many
// addresses are none, and how many are left out altogether.
func groupsOf(subsets []corev1.EndpointSubset) (groups map[groupKey]*group, invalid, skipped int) {
	addresses := map[member]corev1.EndpointAddress{}
	ports := map[member][]discoveryv1.EndpointPort{}
	for _, subset := range subsets {
		taken := 0
		take := func(list []corev1.EndpointAddress, ready bool) {
			for _, address := range list {
				if _, ok := familyOf(address.IP); !ok {
					invalid++
					skipped++
					continue
				}
				if taken == perSubset {
					skipped++
					continue
				}
				taken++
				m := member{ip: address.IP, ready: ready}
				if address.TargetRef != nil {
					m.target = address.TargetRef.UID
				}
				addresses[m] = address
				ports[m] = append(ports[m], portsOf(subset.Ports)...)
			}
		}
		take(subset.Addresses, true)
		take(subset.NotReadyAddresses, false)
	}
	groups = map[groupKey]*group{}
	for m, address := range addresses {
		own := distinct(ports[m])
		unready := member{ip: m.ip, target: m.target}
		if _, both := addresses[unready]; both && m.ready {
			// Not ready on a port trumps ready on the same.
			own = slices.DeleteFunc(own, func(p discoveryv1.EndpointPort) bool {
				return slices.ContainsFunc(ports[unready], func(other discoveryv1.EndpointPort) bool { return portKey(p) == portKey(other) })
			})
			if len(own) == 0 {
				continue
			}
		}
		family, _ := familyOf(m.ip)
		key := groupKey{family, portsKey(own)}
		if groups[key] == nil {
			groups[key] = &group{ports: own}
		}
		groups[key].endpoints = append(groups[key].endpoints, endpoint(address, m.ready))
	}
	for _, g := range groups {
		slices.SortFunc(g.endpoints, compareEndpoints)
	}
	return groups, invalid, skipped
}

func endpoint(address corev1.EndpointAddress, ready bool) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{
		Addresses:  []string{address.IP},
		Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		TargetRef:  address.TargetRef,
		NodeName:   address.NodeName,
	}
	if address.Hostname != "" {
		e.Hostname = &address.Hostname
	}
	return e
}

func compareEndpoints(a, b discoveryv1.Endpoint) int {
	target := func(e discoveryv1.Endpoint) types.UID {
		if e.TargetRef == nil {
			return ""
		}
		return e.TargetRef.UID
	}
	return cmp.Or(cmp.Compare(a.Addresses[0], b.Addresses[0]), cmp.Compare(target(a), target(b)))
}

func portsOf(ports []corev1.EndpointPort) []discoveryv1.EndpointPort {
	var own []discoveryv1.EndpointPort
	for _, p := range ports {
		own = append(own, discoveryv1.EndpointPort{Name: ptr.To(p.Name), Port: ptr.To(p.Port), Protocol: ptr.To(p.Protocol), AppProtocol: p.AppProtocol})
	}
	return own
}

// distinct returns the ports in a fixed order, each once.
func distinct(ports []discoveryv1.EndpointPort) []discoveryv1.EndpointPort {
	sorted := slices.SortedFunc(slices.Values(ports), func(a, b discoveryv1.EndpointPort) int { return cmp.Compare(portKey(a), portKey(b)) })
	return slices.CompactFunc(sorted, func(a, b discoveryv1.EndpointPort) bool { return portKey(a) == portKey(b) })
}

func portsKey(ports []discoveryv1.EndpointPort) string {
	var keys []string
	for _, p := range ports {
		keys = append(keys, portKey(p))
	}
	slices.Sort(keys)
	return strings.Join(keys, ";")
}

func portKey(p discoveryv1.EndpointPort) string {
	return fmt.Sprintf("%s/%s/%d/%s", ptr.Deref(p.Name, ""), ptr.Deref(p.Protocol, corev1.ProtocolTCP), ptr.Deref(p.Port, -1), ptr.Deref(p.AppProtocol, ""))
}
