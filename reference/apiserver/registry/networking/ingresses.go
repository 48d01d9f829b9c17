// Package networking declares the resources of the networking.k8s.io group, v1.
package networking

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// Ingresses is the ingresses resource.
var Ingresses = generic.Resource[*networkingv1.Ingress]{
	GV: networkingv1.SchemeGroupVersion, Plural: "ingresses", Singular: "ingress", Short: []string{"ing"},
	Object: &networkingv1.Ingress{}, List: &networkingv1.IngressList{},
	Spec:           func(i *networkingv1.Ingress) any { return &i.Spec },
	Status:         func(i *networkingv1.Ingress) any { return &i.Status },
	Validate:       validation.Ingress,
	ValidateUpdate: validation.IngressUpdate,
	Warnings:       warnings.Ingress,
	ValidateStatus: validation.IngressStatusUpdate,
	Generation:     true,
	Columns: []generic.Column[*networkingv1.Ingress]{
		generic.Name[*networkingv1.Ingress](),
		{Name: "Class", Doc: "The name of the IngressClass resource that should be used for additional configuration", Cell: func(i *networkingv1.Ingress) any {
			return generic.Or(generic.Deref(i.Spec.IngressClassName), generic.None)
		}},
		{Name: "Hosts", Doc: "Hosts that incoming requests are matched against before the ingress rule", Cell: func(i *networkingv1.Ingress) any { return ingressHosts(i.Spec.Rules) }},
		{Name: "Address", Doc: "Address is a list containing ingress points for the load-balancer", Cell: func(i *networkingv1.Ingress) any { return ingressAddresses(i) }},
		{Name: "Ports", Doc: "Ports of TLS configurations that open", Cell: func(i *networkingv1.Ingress) any {
			if len(i.Spec.TLS) > 0 {
				return "80, 443"
			}
			return "80"
		}},
		generic.Age[*networkingv1.Ingress](),
	},
}

// hostsShown is how many hosts the column lists before it says how many more there are.
const hostsShown = 3

func ingressHosts(rules []networkingv1.IngressRule) string {
	var hosts []string
	for _, rule := range rules {
		if rule.Host != "" {
			hosts = append(hosts, rule.Host)
		}
	}
	if len(hosts) == 0 {
		return "*"
	}
	return more(hosts, hostsShown)
}

func ingressAddresses(i *networkingv1.Ingress) string {
	var all []string
	for _, ingress := range i.Status.LoadBalancer.Ingress {
		if address := generic.Or(ingress.IP, ingress.Hostname); address != "" {
			all = append(all, address)
		}
	}
	return strings.Join(all, ",")
}
