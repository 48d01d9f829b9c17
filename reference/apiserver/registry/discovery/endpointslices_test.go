package discovery

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
)

func TestCells(t *testing.T) {
	port := func(n int32) discoveryv1.EndpointPort { return discoveryv1.EndpointPort{Port: &n} }
	for _, c := range []struct {
		ports []discoveryv1.EndpointPort
		want  string
	}{
		{nil, "<unset>"},
		{[]discoveryv1.EndpointPort{{}}, "*"},
		{[]discoveryv1.EndpointPort{port(80), {Name: ptr.To("web")}}, "80,web"},
		{[]discoveryv1.EndpointPort{port(1), port(2), port(3), port(4), port(5)}, "1,2,3 + 2 more..."},
	} {
		if got := ports(c.ports); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	if got := endpoints([]discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}, {Addresses: []string{"10.0.0.2"}}}); got != "10.0.0.1,10.0.0.2" {
		t.Errorf("endpoints %s", got)
	}
}

// A change of the endpoints is a new generation, and so is one of the labels: proxies read both.
func TestChanged(t *testing.T) {
	s := &discoveryv1.EndpointSlice{Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}}
	relabelled, annotated, moved := s.DeepCopy(), s.DeepCopy(), s.DeepCopy()
	relabelled.Labels = map[string]string{"a": "b"}
	annotated.Annotations = map[string]string{"a": "b"}
	moved.Endpoints[0].Addresses[0] = "10.0.0.2"
	if !EndpointSlices.Changed(relabelled, s) || EndpointSlices.Changed(annotated, s) || !EndpointSlices.Changed(moved, s) {
		t.Error("wrong changes count")
	}
}
