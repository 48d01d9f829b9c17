package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// Services is the services resource. service_rest.go brings in the allocation of its numbers.
var Services = generic.Resource[*corev1.Service]{
	GV: corev1.SchemeGroupVersion, Plural: "services", Singular: "service", Short: []string{"svc"}, Categories: []string{"all"},
	Object: &corev1.Service{}, List: &corev1.ServiceList{},
	Spec:           func(s *corev1.Service) any { return &s.Spec },
	Status:         func(s *corev1.Service) any { return &s.Status },
	Validate:       validation.Service,
	Warnings:       warnings.Service,
	ValidateUpdate: validation.ServiceUpdate,
	ValidateStatus: validation.ServiceStatusUpdate,
	CreateOnUpdate: true,
	ReturnDeleted:  true,
	Fields: func(s *corev1.Service) fields.Set {
		return fields.Set{"spec.clusterIP": s.Spec.ClusterIP, "spec.type": string(s.Spec.Type)}
	},
	Columns: serviceColumns,
}

var serviceSpecDoc = corev1.ServiceSpec{}.SwaggerDoc()

var serviceColumns = []generic.Column[*corev1.Service]{
	generic.Name[*corev1.Service](),
	{Name: "Type", Doc: serviceSpecDoc["type"], Cell: func(s *corev1.Service) any { return string(s.Spec.Type) }},
	{Name: "Cluster-IP", Doc: serviceSpecDoc["clusterIP"], Cell: func(s *corev1.Service) any {
		if len(s.Spec.ClusterIPs) > 0 {
			return s.Spec.ClusterIPs[0]
		}
		return generic.Or(s.Spec.ClusterIP, generic.None)
	}},
	{Name: "External-IP", Doc: serviceSpecDoc["externalIPs"], Cell: func(s *corev1.Service) any { return externalAddresses(s) }},
	{Name: "Port(s)", Doc: serviceSpecDoc["ports"], Cell: func(s *corev1.Service) any { return servicePorts(s) }},
	generic.Age[*corev1.Service](),
	{Name: "Selector", Wide: true, Doc: serviceSpecDoc["selector"], Cell: func(s *corev1.Service) any { return labels.FormatLabels(s.Spec.Selector) }},
}

// externalAddresses lists where a Service is reached from outside; a load balancer yet to come is <pending>.
func externalAddresses(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
		return generic.Joined(s.Spec.ExternalIPs)
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		var all []string
		for _, ingress := range s.Status.LoadBalancer.Ingress {
			all = append(all, generic.Or(ingress.IP, ingress.Hostname))
		}
		if all = append(all, s.Spec.ExternalIPs...); len(all) == 0 {
			return "<pending>"
		}
		return strings.Join(all, ",")
	default:
		return generic.Unknown
	}
}

func servicePorts(s *corev1.Service) string {
	var ports []string
	for _, p := range s.Spec.Ports {
		if p.NodePort > 0 {
			ports = append(ports, fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol))
		} else {
			ports = append(ports, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
		}
	}
	return generic.Joined(ports)
}
