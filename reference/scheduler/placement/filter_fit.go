package placement

import corev1 "k8s.io/api/core/v1"

// nodeResourcesFit keeps the requests of a node's pods within what the node offers
// (docs: concepts/configuration/manage-resources-containers#how-pods-with-resource-requests-are-scheduled).
type nodeResourcesFit struct{}

func (nodeResourcesFit) Name() string { return "NodeResourcesFit" }

func (nodeResourcesFit) Passes(pod *Pod, node *Node) bool {
	want, have, used := &pod.Requests, &node.allocatable, &node.requested
	if int64(len(node.pods))+1 > node.allowedPods ||
		short(want.MilliCPU, have.MilliCPU, used.MilliCPU) ||
		short(want.Memory, have.Memory, used.Memory) ||
		short(want.EphemeralStorage, have.EphemeralStorage, used.EphemeralStorage) {
		return false
	}
	for name, v := range want.Scalar {
		if short(v, have.Scalar[name], used.Scalar[name]) {
			return false
		}
	}
	return true
}

func (nodeResourcesFit) Explain(pod *Pod, node *Node) Refusal {
	var r Refusal
	if int64(len(node.pods))+1 > node.allowedPods {
		r.Reasons = append(r.Reasons, "Too many pods")
	}
	want, have, used := pod.Requests, node.allocatable, node.requested
	check := func(name corev1.ResourceName, want, have, used int64) {
		if short(want, have, used) {
			r.Reasons = append(r.Reasons, "Insufficient "+string(name))
			r.Final = r.Final || want > have
		}
	}
	check(corev1.ResourceCPU, want.MilliCPU, have.MilliCPU, used.MilliCPU)
	check(corev1.ResourceMemory, want.Memory, have.Memory, used.Memory)
	check(corev1.ResourceEphemeralStorage, want.EphemeralStorage, have.EphemeralStorage, used.EphemeralStorage)
	for _, name := range want.scalarNames() {
		check(name, want.Scalar[name], have.Scalar[name], used.Scalar[name])
	}
	return r
}

// short tells that want does not fit beside used. Wanting nothing always fits, even on a node
// that has more in use than it offers (its allocatable may have shrunk).
func short(want, have, used int64) bool { return want > 0 && want > have-used }
