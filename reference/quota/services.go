package quota

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
)

// services measures Services: their number, their node ports, and how many ask for a load balancer.
func services(list generic.ListFuncByNamespace) quota.Evaluator {
	return &evaluator[*corev1.Service]{
		resource: corev1.Resource("services"),
		measures: oneOf("count/services", corev1.ResourceServices, corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers),
		handles:  wholeObject,
		usage:    serviceUsage,
		list:     list,
	}
}

// wholeObject is true of creations and updates, but not of subresources.
func wholeObject(op admission.Operation, subresource string) bool {
	return subresource == "" && (op == admission.Create || op == admission.Update)
}

// serviceUsage counts one node port for every port that gets one: all, unless a load balancer does
// without them; then only those that were asked for by number.
func serviceUsage(s *corev1.Service) corev1.ResourceList {
	nodePorts, balancers := 0, 0
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
		nodePorts = len(s.Spec.Ports)
	case corev1.ServiceTypeLoadBalancer:
		balancers = 1
		allocated := s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts
		for _, port := range s.Spec.Ports {
			if allocated || port.NodePort != 0 {
				nodePorts++
			}
		}
	}
	number := func(n int) resource.Quantity { return *resource.NewQuantity(int64(n), resource.DecimalSI) }
	return corev1.ResourceList{
		"count/services": one, corev1.ResourceServices: one,
		corev1.ResourceServicesNodePorts: number(nodePorts), corev1.ResourceServicesLoadBalancers: number(balancers),
	}
}
