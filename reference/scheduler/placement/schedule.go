package placement

import (
	"errors"
	"math/rand/v2"

	"k8s.io/apimachinery/pkg/util/sets"
)

// ErrNoNodes is the answer of a cluster without nodes.
var ErrNoNodes = errors.New("no nodes available to schedule pods")

// Schedule chooses the node for a pod: one of those that pass every filter with the best score.
// In a large cluster it is the best of enough that pass, found where the search before ended.
// Among equals, ties decides. If no node passes, the error is a *FitError with the reasons, or
// ErrNoNodes.
func Schedule(s *Snapshot, pod *Pod, ties *rand.Rand) (string, error) {
	if len(s.ready) == 0 {
		return "", ErrNoNodes
	}
	if pod.only.limited && len(pod.only.names) == 0 {
		return "", &FitError{Nodes: len(s.ready), Whole: "pod affinity terms conflict", Preemption: preemptionOutlook(s, pod, nil)}
	}
	feasible, asked := search(s, pod)
	if len(feasible) == 0 {
		return "", explain(s, pod, asked)
	}
	return best(feasible, rank(s, pod, feasible), ties).Name, nil
}

// search finds nodes that pass every filter, among those that were asked: those named, or as many as are needed.
func search(s *Snapshot, pod *Pod) (feasible, asked []*Node) {
	if !pod.only.limited {
		return s.tour.search(s.ready, func(n *Node) bool { return Fits(pod, n) })
	}
	asked = named(s, pod)
	for _, n := range asked {
		if Fits(pod, n) {
			feasible = append(feasible, n)
		}
	}
	return feasible, asked
}

// named are the nodes that a pod names and that there are.
func named(s *Snapshot, pod *Pod) []*Node {
	var named []*Node
	for _, name := range sets.List(pod.only.names) {
		if n := s.Node(name); n != nil {
			named = append(named, n)
		}
	}
	return named
}

func best(nodes []*Node, scores []int64, ties *rand.Rand) *Node {
	winner, equals := 0, 1
	for i := 1; i < len(nodes); i++ {
		switch {
		case scores[i] > scores[winner]:
			winner, equals = i, 1
		case scores[i] == scores[winner]:
			if equals++; ties.IntN(equals) == 0 {
				winner = i
			}
		}
	}
	return nodes[winner]
}
