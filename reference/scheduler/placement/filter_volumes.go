package placement

import corev1 "k8s.io/api/core/v1"

// Volumes is where a pod's volumes let it run.
type Volumes interface {
	// Refuses says why the volumes cannot be had on the node, in the words that users know; empty if they can.
	Refuses(node *corev1.Node) (reason string, final bool)
}

// With is the pod with what its volumes ask of a node.
func (p *Pod) With(v Volumes) *Pod {
	with := *p
	with.volumes = v
	return &with
}

// volumeBinding sends a pod where its volumes are, or can be.
type volumeBinding struct{}

func (volumeBinding) Name() string { return "VolumeBinding" }

func (volumeBinding) Passes(pod *Pod, node *Node) bool {
	if pod.volumes == nil {
		return true
	}
	reason, _ := pod.volumes.Refuses(node.Object)
	return reason == ""
}

func (volumeBinding) Explain(pod *Pod, node *Node) Refusal {
	reason, final := pod.volumes.Refuses(node.Object)
	return Refusal{Reasons: []string{reason}, Final: final}
}

// Refuse is the answer to a pod that no node is asked for, because of the pod itself.
func Refuse(s *Snapshot, pod *Pod, why string) error {
	if len(s.ready) == 0 {
		return ErrNoNodes
	}
	return &FitError{Nodes: len(s.ready), Whole: why, Preemption: preemptionOutlook(s, pod, nil)}
}
