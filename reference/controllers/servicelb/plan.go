package servicelb

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// finalizer holds Services that have a load balancer.
	finalizer = "service.kubernetes.io/load-balancer-cleanup"
	// removalTaint is on nodes that the cluster autoscaler is about to remove.
	removalTaint = "ToBeDeletedByClusterAutoscaler"
)

// wanted reports whether the Service is to have a load balancer of ours.
func wanted(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil && service.DeletionTimestamp == nil
}

// ours reports whether the Service may have a load balancer of ours that is to be
// removed. The class cannot be changed once it is set, and the finalizer is shared
// with other implementations.
func ours(service *corev1.Service) bool {
	return slices.Contains(service.Finalizers, finalizer) && service.Spec.LoadBalancerClass == nil
}

// usable returns the nodes that may get connections, by name: those that are
// neither excluded nor about to go. Whether they are ready is for health checks.
func usable(nodes []*corev1.Node) []*corev1.Node {
	var use []*corev1.Node
	for _, node := range nodes {
		_, excluded := node.Labels[corev1.LabelNodeExcludeBalancers]
		going := node.DeletionTimestamp != nil || slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == removalTaint })
		if !excluded && !going {
			use = append(use, node)
		}
	}
	slices.SortFunc(use, func(a, b *corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	return use
}

// done is what was last made for a Service.
type done struct {
	service *corev1.Service
	nodes   []string // by name and uid
	status  corev1.LoadBalancerStatus
}

type action int

const (
	nothing action = iota
	ensure
	update // of the nodes alone
	remove
)

// plan decides what to do, knowing what was done for the Service before, if
// anything was since the controller started.
func plan(service *corev1.Service, before *done, nodes []string) action {
	switch {
	case !wanted(service):
		if ours(service) {
			return remove
		}
		return nothing
	case before == nil || before.service.UID != service.UID || !slices.Contains(service.Finalizers, finalizer) || !asked(before.service, service):
		return ensure
	case !slices.Equal(before.nodes, nodes):
		return update
	}
	return nothing
}

// asked reports whether both ask for the same. Some load balancers are told what
// to do by annotations.
func asked(a, b *corev1.Service) bool {
	return equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Annotations, b.Annotations)
}

// identities are the nodes by name and uid: one that was made anew is another.
func identities(nodes []*corev1.Node) []string {
	var ids []string
	for _, node := range nodes {
		ids = append(ids, types.NamespacedName{Namespace: node.Name, Name: string(node.UID)}.String())
	}
	return ids
}
