package plan

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

const here = "node-1"

func service(change ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.96.0.10", ClusterIPs: []string{"10.96.0.10"},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}},
		},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func slice(endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
		Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080), Protocol: ptr.To(corev1.ProtocolTCP)}},
	}
}

func endpoint(ip, node string, ready, serving, terminating bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{ip}, NodeName: &node,
		Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating}}
}

func addresses(of []Endpoint) (out []string) {
	for _, e := range of {
		out = append(out, e.Addr.String())
	}
	return out
}

func TestPortsWithoutClusterIP(t *testing.T) {
	for name, change := range map[string]func(*corev1.Service){
		"headless":     func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "None", []string{"None"} },
		"ExternalName": func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeExternalName },
		"unassigned":   func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil },
		"IPv6 only":    func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "fd00::1", []string{"fd00::1"} },
	} {
		if got := Ports(service(change), nil, here); got != nil {
			t.Errorf("%s: got %v, want none", name, got)
		}
	}
}

func TestPorts(t *testing.T) {
	svc := service(func(s *corev1.Service) {
		s.Spec.Type = corev1.ServiceTypeLoadBalancer
		s.Spec.ClusterIPs = []string{"fd00::1", "10.96.0.10"}
		s.Spec.Ports[0].NodePort = 30080
		s.Spec.ExternalIPs = []string{"203.0.113.9", "fd00::9", "203.0.113.1", "nonsense"}
		s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		s.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
		s.Spec.LoadBalancerSourceRanges = []string{"198.51.100.7/24"}
		s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{
			{IP: "192.0.2.5"}, {IP: "192.0.2.6", IPMode: ptr.To(corev1.LoadBalancerIPModeProxy)}, {Hostname: "lb.example"},
		}
	})
	got := Ports(svc, []*discoveryv1.EndpointSlice{slice(endpoint("10.244.1.2", here, true, true, false))}, here)
	backend := []Endpoint{{Addr: netip.MustParseAddrPort("10.244.1.2:8080"), Local: true}}
	want := []Port{{
		Name: PortName{"default", "web", "http"}, Protocol: corev1.ProtocolTCP,
		ClusterIP: netip.MustParseAddr("10.96.0.10"), Port: 80, NodePort: 30080,
		ExternalIPs:     []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.9")},
		LoadBalancerIPs: []netip.Addr{netip.MustParseAddr("192.0.2.5")},
		SourceRanges:    []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
		AffinitySeconds: 10800, InternalLocal: true, ExternalLocal: true,
		Cluster: backend, Local: backend,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEndpoints(t *testing.T) {
	ready := endpoint("10.244.2.1", "node-2", true, true, false)
	readyHere := endpoint("10.244.1.1", here, true, true, false)
	unready := endpoint("10.244.1.9", here, false, false, false)
	leaving := endpoint("10.244.1.3", here, false, true, true)
	leavingElsewhere := endpoint("10.244.2.3", "node-2", false, true, true)
	unknown := discoveryv1.Endpoint{Addresses: []string{"10.244.3.1"}} // conditions that are not set mean ready
	otherPort := slice(ready)
	otherPort.Ports[0].Name = ptr.To("metrics")
	otherProtocol := slice(ready)
	otherProtocol.Ports[0].Protocol = ptr.To(corev1.ProtocolUDP)
	v6 := slice(ready)
	v6.AddressType = discoveryv1.AddressTypeIPv6
	for name, c := range map[string]struct {
		slices         []*discoveryv1.EndpointSlice
		cluster, local []string
	}{
		"none":                          {nil, nil, nil},
		"ready only":                    {[]*discoveryv1.EndpointSlice{slice(unready, ready, readyHere, leaving)}, []string{"10.244.1.1:8080", "10.244.2.1:8080"}, []string{"10.244.1.1:8080"}},
		"unknown conditions":            {[]*discoveryv1.EndpointSlice{slice(unknown)}, []string{"10.244.3.1:8080"}, nil},
		"two slices, one address twice": {[]*discoveryv1.EndpointSlice{slice(ready, readyHere), slice(ready)}, []string{"10.244.1.1:8080", "10.244.2.1:8080"}, []string{"10.244.1.1:8080"}},
		"terminating when none ready":   {[]*discoveryv1.EndpointSlice{slice(unready, leaving, leavingElsewhere)}, []string{"10.244.1.3:8080", "10.244.2.3:8080"}, []string{"10.244.1.3:8080"}},
		"terminating here, ready there": {[]*discoveryv1.EndpointSlice{slice(leaving, ready)}, []string{"10.244.2.1:8080"}, []string{"10.244.1.3:8080"}},
		"another port":                  {[]*discoveryv1.EndpointSlice{otherPort}, nil, nil},
		"another protocol":              {[]*discoveryv1.EndpointSlice{otherProtocol}, nil, nil},
		"another family":                {[]*discoveryv1.EndpointSlice{v6}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Ports(service(), c.slices, here)[0]
			if !slices.Equal(addresses(got.Cluster), c.cluster) || !slices.Equal(addresses(got.Local), c.local) {
				t.Errorf("got %v, local %v; want %v, local %v", addresses(got.Cluster), addresses(got.Local), c.cluster, c.local)
			}
		})
	}
}

// The plan depends on what the slices say, not on how they are cut or ordered.
func TestPortsIgnoreOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []discoveryv1.Endpoint
		for i := range rapid.IntRange(0, 8).Draw(t, "endpoints") {
			b := rapid.Bool()
			all = append(all, endpoint(fmt.Sprintf("10.244.0.%d", i), rapid.SampledFrom([]string{here, "node-2"}).Draw(t, "node"),
				b.Draw(t, "ready"), b.Draw(t, "serving"), b.Draw(t, "terminating")))
		}
		one := []*discoveryv1.EndpointSlice{slice(all...)}
		var many []*discoveryv1.EndpointSlice
		for _, e := range rapid.Permutation(all).Draw(t, "order") {
			many = append(many, slice(e))
		}
		if a, b := Ports(service(), one, here), Ports(service(), many, here); !reflect.DeepEqual(a, b) {
			t.Fatalf("one slice: %+v\nmany:      %+v", a, b)
		}
	})
}
