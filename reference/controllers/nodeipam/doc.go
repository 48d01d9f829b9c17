// Package nodeipam gives each node a range of addresses for its pods, out of the
// cluster's. What nodes have already is theirs for as long as they exist; a node
// that comes with a range of its own keeps it.
//
// ranges.go divides a network into ranges and knows which are taken; it reads and
// writes nothing. controller.go does.
//
// Documentation: reference/command-line-tools-reference/kube-controller-manager
// (--allocate-node-cidrs), concepts/services-networking/dual-stack.
package nodeipam
