// Package discovery declares the resources of the discovery.k8s.io group, v1.
package discovery

import (
	"fmt"
	"strconv"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var sliceDoc = discoveryv1.EndpointSlice{}.SwaggerDoc()

// EndpointSlices is the endpointslices resource.
var EndpointSlices = generic.Resource[*discoveryv1.EndpointSlice]{
	GV: discoveryv1.SchemeGroupVersion, Plural: "endpointslices", Singular: "endpointslice",
	Object: &discoveryv1.EndpointSlice{}, List: &discoveryv1.EndpointSliceList{},
	Validate:       validation.EndpointSlice,
	ValidateUpdate: validation.EndpointSliceUpdate,
	Warnings:       warnings.EndpointSlice,
	Generation:     true,
	Changed: func(s, old *discoveryv1.EndpointSlice) bool {
		return s.AddressType != old.AddressType || !equality.Semantic.DeepEqual(s.Endpoints, old.Endpoints) ||
			!equality.Semantic.DeepEqual(s.Ports, old.Ports) || !equality.Semantic.DeepEqual(s.Labels, old.Labels)
	},
	Columns: []generic.Column[*discoveryv1.EndpointSlice]{
		generic.Name[*discoveryv1.EndpointSlice](),
		{Name: "AddressType", Doc: sliceDoc["addressType"], Cell: func(s *discoveryv1.EndpointSlice) any { return string(s.AddressType) }},
		{Name: "Ports", Doc: sliceDoc["ports"], Cell: func(s *discoveryv1.EndpointSlice) any { return ports(s.Ports) }},
		{Name: "Endpoints", Doc: sliceDoc["endpoints"], Cell: func(s *discoveryv1.EndpointSlice) any { return endpoints(s.Endpoints) }},
		generic.Age[*discoveryv1.EndpointSlice](),
	},
}

// shown is how many ports or addresses a column lists before it says how many more there are.
const shown = 3

func limited(all []string) string {
	if len(all) == 0 {
		return generic.Unset
	}
	if more := len(all) - shown; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(all[:shown], ","), more)
	}
	return strings.Join(all, ",")
}

func ports(ports []discoveryv1.EndpointPort) string {
	var all []string
	for _, p := range ports {
		name := "*" // every port
		if p.Port != nil {
			name = strconv.Itoa(int(*p.Port))
		} else if generic.Deref(p.Name) != "" {
			name = *p.Name
		}
		all = append(all, name)
	}
	return limited(all)
}

func endpoints(endpoints []discoveryv1.Endpoint) string {
	var all []string
	for i := range endpoints {
		all = append(all, endpoints[i].Addresses...)
	}
	return limited(all)
}
