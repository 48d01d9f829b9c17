package placement

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Node is one node with the pods placed on it and their sums.
type Node struct {
	// Name is the node's name.
	Name string
	// Object is the node as read; nil while only pods of it are known.
	Object *corev1.Node

	zone, region string

	allocatable Resources
	allowedPods int64
	requested   Resources
	usage       usage
	pods        map[types.UID]*Pod
	ports       map[hostPort]int
}

func newNode(name string) *Node {
	return &Node{Name: name, pods: map[types.UID]*Pod{}, ports: map[hostPort]int{}}
}

// setObject returns whether the node is in another place than before.
func (n *Node) setObject(node *corev1.Node) (moved bool) {
	n.Object = node
	n.allocatable = resourcesOf(node.Status.Allocatable)
	n.allowedPods = node.Status.Allocatable.Pods().Value()
	zone, region := node.Labels[corev1.LabelTopologyZone], node.Labels[corev1.LabelTopologyRegion]
	moved = n.zone != zone || n.region != region
	n.zone, n.region = zone, region
	return moved
}

func (n *Node) addPod(p *Pod) {
	n.pods[p.Object.UID] = p
	n.count(p, 1)
	for _, port := range p.ports {
		n.ports[port]++
	}
}

func (n *Node) removePod(p *Pod) {
	delete(n.pods, p.Object.UID)
	n.count(p, -1)
	for _, port := range p.ports {
		if n.ports[port]--; n.ports[port] == 0 {
			delete(n.ports, port)
		}
	}
}

func (n *Node) count(p *Pod, sign int64) {
	n.requested.add(p.Requests, sign)
	n.usage.milliCPU += sign * p.usage.milliCPU
	n.usage.memory += sign * p.usage.memory
}

// without is a copy of the node as it were if the pods that leave picks were gone.
func (n *Node) without(leave func(*Pod) bool) *Node {
	c := newNode(n.Name)
	c.setObject(n.Object)
	for _, p := range n.pods {
		if !leave(p) {
			c.addPod(p)
		}
	}
	return c
}

// Allocatable is what the node offers to pods.
func (n *Node) Allocatable() Resources { return n.allocatable }

// AllowedPods is how many pods the node takes.
func (n *Node) AllowedPods() int64 { return n.allowedPods }

// Requested is the sum of the requests of the pods placed on the node, assumed ones included.
func (n *Node) Requested() Resources { return n.requested }

// Pods is how many pods are placed on the node, assumed ones included.
func (n *Node) Pods() int { return len(n.pods) }
