package servicelb

import (
	"context"

	corev1 "k8s.io/api/core/v1"
)

// LoadBalancer brings connections from outside to the node ports, or the pods, of
// Services. It is called for one Service by one caller at a time, again for what it
// has done already after the controller was started anew, and again after an error.
type LoadBalancer interface {
	// Ensure makes what the Service asks for, or changes what there is, and returns
	// where it can be reached. nodes are those that may get its connections.
	Ensure(ctx context.Context, service *corev1.Service, nodes []*corev1.Node) (corev1.LoadBalancerStatus, error)
	// Update tells of another set of nodes; the Service is as it was ensured.
	Update(ctx context.Context, service *corev1.Service, nodes []*corev1.Node) error
	// Delete removes all there is for the Service, if there is anything.
	Delete(ctx context.Context, service *corev1.Service) error
}
