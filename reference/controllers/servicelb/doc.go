// Package servicelb is the service controller, without a cloud: it has a
// [LoadBalancer], whatever that is, make what Services of the type LoadBalancer ask
// for, and writes the addresses that it answers with to their status.
//
// A Service is held by the finalizer service.kubernetes.io/load-balancer-cleanup
// from before there is anything to clean up until nothing is left. One that names a
// loadBalancerClass is another implementation's, and left alone.
//
// Documentation: concepts/services-networking/service#loadbalancer,
// reference/labels-annotations-taints
// (node.kubernetes.io/exclude-from-external-load-balancers).
package servicelb
