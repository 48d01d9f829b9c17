package endpoints

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/endpointslice"
	endpointsliceutil "k8s.io/endpointslice/util"
)

// capacity is the most addresses an Endpoints object holds.
const capacity = 1000

// subsets returns the endpoints of the Service: the addresses of its pods with
// the ports that they have, ready and not ready ones apart.
func subsets(service *corev1.Service, pods []*corev1.Pod) []corev1.EndpointSubset {
	notReadyToo := service.Spec.PublishNotReadyAddresses
	var found []endpoint
	for _, pod := range pods {
		if !endpointsliceutil.ShouldPodBeInEndpoints(pod, notReadyToo) {
			continue
		}
		address, ok := addressOf(service, pod)
		if !ok {
			continue
		}
		ready := notReadyToo || endpointsliceutil.IsPodReady(pod)
		ports := portsOf(service, pod)
		if len(ports) == 0 && len(service.Spec.Ports) > 0 {
			continue // the pod has none of the Service's named ports
		}
		found = append(found, endpoint{address: address, ready: ready, ports: ports})
	}
	return group(found)
}

// endpoint is one pod's contribution.
type endpoint struct {
	address corev1.EndpointAddress
	ready   bool
	ports   []corev1.EndpointPort
}

// addressOf is the pod's address of the Service's first IP family.
func addressOf(service *corev1.Service, pod *corev1.Pod) (corev1.EndpointAddress, bool) {
	want6 := len(service.Spec.IPFamilies) > 0 && service.Spec.IPFamilies[0] == corev1.IPv6Protocol
	ips := pod.Status.PodIPs
	if len(ips) == 0 {
		ips = []corev1.PodIP{{IP: pod.Status.PodIP}}
	}
	for _, ip := range ips {
		parsed, err := netip.ParseAddr(ip.IP)
		if err != nil || parsed.Is6() != want6 {
			continue
		}
		address := corev1.EndpointAddress{
			IP: ip.IP,
			TargetRef: &corev1.ObjectReference{
				Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
			},
		}
		if pod.Spec.NodeName != "" {
			address.NodeName = &pod.Spec.NodeName
		}
		if endpointsliceutil.ShouldSetHostname(pod, service) {
			address.Hostname = pod.Spec.Hostname
		}
		return address, true
	}
	return corev1.EndpointAddress{}, false
}

// portsOf resolves the Service's ports on the pod, leaving out those it has not.
func portsOf(service *corev1.Service, pod *corev1.Pod) []corev1.EndpointPort {
	var ports []corev1.EndpointPort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		number, err := endpointslice.FindPort(pod, port)
		if err != nil {
			continue
		}
		ports = append(ports, corev1.EndpointPort{
			Name: port.Name, Port: int32(number), Protocol: port.Protocol, AppProtocol: port.AppProtocol,
		})
	}
	slices.SortFunc(ports, func(a, b corev1.EndpointPort) int { return cmp.Compare(portKey(a), portKey(b)) })
	return ports
}

// group puts endpoints of the same ports into one subset, all in a fixed order,
// so that equal endpoints make equal objects.
func group(endpoints []endpoint) []corev1.EndpointSubset {
	byPorts := map[string]*corev1.EndpointSubset{}
	var order []string
	for _, e := range endpoints {
		var key strings.Builder
		for _, port := range e.ports {
			key.WriteString(portKey(port) + ";")
		}
		subset := byPorts[key.String()]
		if subset == nil {
			subset = &corev1.EndpointSubset{Ports: e.ports}
			byPorts[key.String()] = subset
			order = append(order, key.String())
		}
		if e.ready {
			subset.Addresses = append(subset.Addresses, e.address)
		} else {
			subset.NotReadyAddresses = append(subset.NotReadyAddresses, e.address)
		}
	}
	slices.Sort(order)
	var subsets []corev1.EndpointSubset
	for _, key := range order {
		slices.SortFunc(byPorts[key].Addresses, byIP)
		slices.SortFunc(byPorts[key].NotReadyAddresses, byIP)
		subsets = append(subsets, *byPorts[key])
	}
	return subsets
}

func portKey(port corev1.EndpointPort) string {
	app := ""
	if port.AppProtocol != nil {
		app = *port.AppProtocol
	}
	return fmt.Sprintf("%s/%s/%05d/%s", port.Name, port.Protocol, port.Port, app)
}

func byIP(a, b corev1.EndpointAddress) int {
	return cmp.Or(strings.Compare(a.IP, b.IP), cmp.Compare(uid(a), uid(b)))
}

func uid(address corev1.EndpointAddress) types.UID {
	if address.TargetRef == nil {
		return ""
	}
	return address.TargetRef.UID
}

// truncate cuts the subsets down to the capacity, sparing ready addresses before
// others, and reports whether it had to. Subsets lose in proportion to their
// number of addresses.
func truncate(subsets []corev1.EndpointSubset) ([]corev1.EndpointSubset, bool) {
	ready, notReady := 0, 0
	for _, subset := range subsets {
		ready += len(subset.Addresses)
		notReady += len(subset.NotReadyAddresses)
	}
	if ready+notReady <= capacity {
		return subsets, false
	}
	readyLeft := min(ready, capacity)
	notReadyLeft := capacity - readyLeft
	var kept []corev1.EndpointSubset
	for _, subset := range subsets {
		readyHere := share(len(subset.Addresses), &ready, &readyLeft)
		notReadyHere := share(len(subset.NotReadyAddresses), &notReady, &notReadyLeft)
		subset.Addresses = subset.Addresses[:readyHere]
		subset.NotReadyAddresses = subset.NotReadyAddresses[:notReadyHere]
		if readyHere+notReadyHere > 0 {
			kept = append(kept, subset)
		}
	}
	return kept, true
}

// share takes the part of what is left that falls to count of total, and counts
// both down, so that the parts add up exactly.
func share(count int, total, left *int) int {
	if *total == 0 {
		return 0
	}
	part := count * *left / *total
	*total -= count
	*left -= part
	return part
}
