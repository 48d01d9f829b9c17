package endpointslicemirroring

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func endpointsOf(subsets ...corev1.EndpointSubset) *corev1.Endpoints {
	return &corev1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "db", UID: "e", Labels: map[string]string{"app": "db", discoveryv1.LabelManagedBy: "me"},
			Annotations: map[string]string{"note": "x", corev1.LastAppliedConfigAnnotation: "{}", corev1.EndpointsLastChangeTriggerTime: "t"},
		},
		Subsets: subsets,
	}
}

func subset(ready, notReady []string, ports ...int32) corev1.EndpointSubset {
	var s corev1.EndpointSubset
	for _, ip := range ready {
		s.Addresses = append(s.Addresses, corev1.EndpointAddress{IP: ip})
	}
	for _, ip := range notReady {
		s.NotReadyAddresses = append(s.NotReadyAddresses, corev1.EndpointAddress{IP: ip})
	}
	for _, port := range ports {
		s.Ports = append(s.Ports, corev1.EndpointPort{Name: fmt.Sprintf("p%d", port), Port: port, Protocol: corev1.ProtocolTCP})
	}
	return s
}

// says is a slice in a line: family, ports, addresses, ! for those not ready.
func says(slice *discoveryv1.EndpointSlice) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", slice.AddressType)
	for _, p := range slice.Ports {
		fmt.Fprintf(&b, " :%d", *p.Port)
	}
	for _, e := range slice.Endpoints {
		b.WriteString(" " + e.Addresses[0])
		if !*e.Conditions.Ready {
			b.WriteString("!")
		}
	}
	return b.String()
}

func TestPlanMakesSlices(t *testing.T) {
	for name, test := range map[string]struct {
		subsets []corev1.EndpointSubset
		want    string
	}{
		"nothing":         {nil, ""},
		"one":             {[]corev1.EndpointSubset{subset([]string{"10.0.0.2", "10.0.0.1"}, []string{"10.0.0.3"}, 80)}, "IPv4 :80 10.0.0.1 10.0.0.2 10.0.0.3!"},
		"two families":    {[]corev1.EndpointSubset{subset([]string{"10.0.0.1", "fd00::1"}, nil, 80)}, "IPv4 :80 10.0.0.1, IPv6 :80 fd00::1"},
		"two ports":       {[]corev1.EndpointSubset{subset([]string{"10.0.0.1"}, nil, 80, 443)}, "IPv4 :443 :80 10.0.0.1"},
		"two subsets":     {[]corev1.EndpointSubset{subset([]string{"10.0.0.1"}, nil, 80), subset([]string{"10.0.0.2"}, nil, 443)}, "IPv4 :443 10.0.0.2, IPv4 :80 10.0.0.1"},
		"the same ports":  {[]corev1.EndpointSubset{subset([]string{"10.0.0.1"}, nil, 80), subset([]string{"10.0.0.2"}, nil, 80)}, "IPv4 :80 10.0.0.1 10.0.0.2"},
		"one in both":     {[]corev1.EndpointSubset{subset([]string{"10.0.0.1"}, nil, 80), subset([]string{"10.0.0.1"}, nil, 443)}, "IPv4 :443 :80 10.0.0.1"},
		"ready or not":    {[]corev1.EndpointSubset{subset([]string{"10.0.0.1"}, nil, 80), subset(nil, []string{"10.0.0.1"}, 80)}, "IPv4 :80 10.0.0.1!"},
		"no ports":        {[]corev1.EndpointSubset{subset([]string{"10.0.0.1"}, nil)}, "IPv4 10.0.0.1"},
		"not an address":  {[]corev1.EndpointSubset{subset([]string{"db.example.com", "10.0.0.1"}, nil, 80)}, "IPv4 :80 10.0.0.1"},
		"no addresses":    {[]corev1.EndpointSubset{subset(nil, nil, 80)}, ""},
		"mapped into six": {[]corev1.EndpointSubset{subset([]string{"::ffff:10.0.0.1"}, nil, 80)}, "IPv4 :80 ::ffff:10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			d := plan(endpointsOf(test.subsets...), nil)
			var got []string
			for _, slice := range d.create {
				got = append(got, says(slice))
			}
			if joined := strings.Join(got, ", "); joined != test.want || len(d.update)+len(d.remove) > 0 {
				t.Errorf("makes %q, want %q", joined, test.want)
			}
		})
	}
}

func TestSlicesCarryMetadata(t *testing.T) {
	e := endpointsOf(corev1.EndpointSubset{
		Addresses: []corev1.EndpointAddress{{IP: "10.0.0.1", Hostname: "a", NodeName: ptr.To("n"), TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "p"}}},
		Ports:     []corev1.EndpointPort{{Port: 80, Protocol: corev1.ProtocolUDP, AppProtocol: ptr.To("dns")}},
	})
	slice := plan(e, nil).create[0]
	if l := slice.Labels; len(l) != 3 || l["app"] != "db" || l["kubernetes.io/service-name"] != "db" || l["endpointslice.kubernetes.io/managed-by"] != "endpointslicemirroring-controller.k8s.io" {
		t.Errorf("labels %v", l)
	}
	if a := slice.Annotations; len(a) != 1 || a["note"] != "x" {
		t.Errorf("annotations %v", a)
	}
	if slice.GenerateName != "db-" || !metav1.IsControlledBy(slice, e) || slice.OwnerReferences[0].Kind != "Endpoints" {
		t.Errorf("metadata %+v", slice.ObjectMeta)
	}
	got, p := slice.Endpoints[0], slice.Ports[0]
	if *got.Hostname != "a" || *got.NodeName != "n" || got.TargetRef.Name != "p" || *p.Name != "" || *p.Protocol != corev1.ProtocolUDP || *p.AppProtocol != "dns" {
		t.Errorf("endpoint %+v, port %+v", got, p)
	}
}

func TestAddressesBeyondAThousandAreSkipped(t *testing.T) {
	var many []string
	for i := range 1100 {
		many = append(many, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	d := plan(endpointsOf(subset(append([]string{"nonsense"}, many...), many[:5], 80), subset(many[1000:], nil, 80)), nil)
	if d.invalid != 1 || d.skipped != 106 {
		t.Errorf("%d are none and %d are left out, want 1 and 106", d.invalid, d.skipped)
	}
	if len(d.create) != 2 || len(d.create[0].Endpoints) != 1000 || len(d.create[1].Endpoints) != 100 {
		t.Errorf("%d slices; want all of both subsets in two, as a slice holds 1000", len(d.create))
	}
}

func TestMirrored(t *testing.T) {
	service := &corev1.Service{}
	with := func(change func(*corev1.Endpoints)) *corev1.Endpoints {
		e := endpointsOf()
		change(e)
		return e
	}
	for name, test := range map[string]struct {
		e       *corev1.Endpoints
		service *corev1.Service
		want    bool
	}{
		"by hand":          {endpointsOf(), service, true},
		"no Service":       {endpointsOf(), nil, false},
		"no Endpoints":     {nil, service, false},
		"with a selector":  {endpointsOf(), &corev1.Service{Spec: corev1.ServiceSpec{Selector: map[string]string{"a": "b"}}}, false},
		"skipped":          {with(func(e *corev1.Endpoints) { e.Labels["endpointslice.kubernetes.io/skip-mirror"] = "true" }), service, false},
		"not skipped":      {with(func(e *corev1.Endpoints) { e.Labels["endpointslice.kubernetes.io/skip-mirror"] = "false" }), service, true},
		"a leader's lock":  {with(func(e *corev1.Endpoints) { e.Annotations[leaderAnnotation] = "{}" }), service, false},
		"about to be gone": {with(func(e *corev1.Endpoints) { e.DeletionTimestamp = &metav1.Time{} }), service, false},
	} {
		if got := mirrored(test.e, test.service); got != test.want {
			t.Errorf("%s: mirrored %t, want %t", name, got, test.want)
		}
	}
}

// Whatever slices there are, once the plan is carried out they hold every address
// with each of its ports once, and there is nothing left to do.
func TestPlanSettles(t *testing.T) {
	draw := func(r *rapid.T) *corev1.Endpoints {
		return endpointsOf(rapid.SliceOfN(rapid.Custom(func(r *rapid.T) corev1.EndpointSubset {
			ips := rapid.SliceOfN(rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"}), 0, 4)
			ports := rapid.SliceOfNDistinct(rapid.SampledFrom([]int32{80, 443, 8080}), 0, 3, rapid.ID)
			return subset(ips.Draw(r, "ready"), ips.Draw(r, "not ready"), ports.Draw(r, "ports")...)
		}), 0, 4).Draw(r, "subsets")...)
	}
	made := 0
	apply := func(have []*discoveryv1.EndpointSlice, d decision) []*discoveryv1.EndpointSlice {
		byName := map[string]*discoveryv1.EndpointSlice{}
		for _, slice := range append(have, d.update...) {
			byName[slice.Name] = slice
		}
		for _, slice := range d.remove {
			delete(byName, slice.Name)
		}
		for _, slice := range d.create {
			made++
			slice.Name = fmt.Sprintf("%s%d", slice.GenerateName, made)
			byName[slice.Name] = slice
		}
		var out []*discoveryv1.EndpointSlice
		for _, slice := range byName {
			out = append(out, slice)
		}
		return out
	}
	rapid.Check(t, func(r *rapid.T) {
		var have []*discoveryv1.EndpointSlice
		for range rapid.IntRange(1, 3).Draw(r, "changes") {
			e := draw(r)
			have = apply(have, plan(e, have))
			if d := plan(e, have); !d.empty() {
				r.Fatalf("not settled: makes %d, changes %d, removes %d", len(d.create), len(d.update), len(d.remove))
			}
			got := map[string]int{}
			for _, slice := range have {
				for _, endpoint := range slice.Endpoints {
					for _, p := range slice.Ports {
						got[fmt.Sprintf("%s:%d", endpoint.Addresses[0], *p.Port)]++
					}
				}
			}
			want := map[string]bool{}
			for _, s := range e.Subsets {
				for _, address := range append(append([]corev1.EndpointAddress{}, s.Addresses...), s.NotReadyAddresses...) {
					for _, p := range s.Ports {
						want[fmt.Sprintf("%s:%d", address.IP, p.Port)] = true
					}
				}
			}
			for at, times := range got {
				if times != 1 || !want[at] {
					r.Fatalf("%s is mirrored %d times; wanted: %t", at, times, want[at])
				}
			}
			if len(got) != len(want) {
				r.Fatalf("mirrors %v, want %v", got, want)
			}
		}
	})
}
