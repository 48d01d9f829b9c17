package placement

// Filter is one rule that a node must satisfy to take a pod. A filter looks at nothing but the
// pod and the node.
type Filter interface {
	// Name is the rule's name as users know it from kube-scheduler's configuration.
	Name() string
	// Passes tells whether the node may take the pod as far as this rule goes.
	Passes(pod *Pod, node *Node) bool
	// Explain says why Passes said no. The wording is part of the API: it reaches users in
	// events and conditions.
	Explain(pod *Pod, node *Node) Refusal
}

// Refusal is why a node does not take a pod.
type Refusal struct {
	Reasons []string
	// Final says that evicting pods from the node could not change the answer.
	Final bool
}

// filters in the order in which they are asked: the first refusal of a node is the one told.
var filters = []Filter{
	nodeUnschedulable{}, taintToleration{}, nodeAffinity{}, nodePorts{}, nodeResourcesFit{}, volumeBinding{},
}

// Fits tells whether the node passes every filter for the pod.
func Fits(pod *Pod, node *Node) bool { return refusedBy(pod, node) == nil }

func refusedBy(pod *Pod, node *Node) Filter {
	for _, f := range filters {
		if !f.Passes(pod, node) {
			return f
		}
	}
	return nil
}
