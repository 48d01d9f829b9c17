package core

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// Endpoints is the endpoints resource: deprecated in favour of EndpointSlices, and still served.
var Endpoints = generic.Resource[*corev1.Endpoints]{
	GV: corev1.SchemeGroupVersion, Plural: "endpoints", Singular: "endpoints", Short: []string{"ep"},
	Object: &corev1.Endpoints{}, List: &corev1.EndpointsList{},
	Validate:       validation.Endpoints,
	Warnings:       warnings.Endpoints,
	ValidateUpdate: validation.EndpointsUpdate,
	CreateOnUpdate: true,
	Columns: []generic.Column[*corev1.Endpoints]{
		generic.Name[*corev1.Endpoints](),
		{Name: "Endpoints", Doc: corev1.Endpoints{}.SwaggerDoc()["subsets"], Cell: func(e *corev1.Endpoints) any { return endpointsCell(e) }},
		generic.Age[*corev1.Endpoints](),
	},
}

// endpointsShown is how many addresses the column lists before it says how many more there are.
const endpointsShown = 3

func endpointsCell(e *corev1.Endpoints) string {
	var shown []string
	total := 0
	add := func(s string) {
		if total++; total <= endpointsShown {
			shown = append(shown, s)
		}
	}
	for i := range e.Subsets {
		subset := &e.Subsets[i]
		if len(subset.Ports) == 0 { // a headless Service may have no port at all
			for _, address := range subset.Addresses {
				add(address.IP)
			}
		}
		for _, port := range subset.Ports {
			for _, address := range subset.Addresses {
				add(net.JoinHostPort(address.IP, strconv.Itoa(int(port.Port))))
			}
		}
	}
	if total == 0 {
		return generic.None
	}
	cell := strings.Join(shown, ",")
	if more := total - endpointsShown; more > 0 {
		cell += fmt.Sprintf(" + %d more...", more)
	}
	return cell
}
