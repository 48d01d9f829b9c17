package placement

// nodeAffinity sends pods to nodes whose labels match nodeSelector and required node affinity,
// and ranks nodes by preferred node affinity
// (docs: concepts/scheduling-eviction/assign-pod-node#affinity-and-anti-affinity).
type nodeAffinity struct{}

func (nodeAffinity) Name() string { return "NodeAffinity" }

func (nodeAffinity) Passes(pod *Pod, node *Node) bool {
	// A selector that does not parse matches nothing; validation keeps it out of the API.
	match, err := pod.affinity.Match(node.Object)
	return match && err == nil
}

func (nodeAffinity) Explain(*Pod, *Node) Refusal {
	return Refusal{Reasons: []string{"node(s) didn't match Pod's node affinity/selector"}, Final: true}
}

func (nodeAffinity) Weight() int64 { return 2 }

// Score is the sum of the weights of the preferred terms that the node matches.
func (nodeAffinity) Score(_ *Snapshot, pod *Pod, nodes []*Node, scores []int64) bool {
	if pod.preferred == nil {
		return false
	}
	for i, n := range nodes {
		scores[i] = pod.preferred.Score(n.Object)
	}
	normalise(scores, moreIsBetter)
	return true
}
