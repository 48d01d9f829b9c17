package placement

import "slices"

// maxScore is the best score that one rule gives a node; 0 is the worst.
const maxScore = 100

// Scorer is one rule by which the nodes that passed all filters are ranked.
type Scorer interface {
	// Name is the rule's name as users know it from kube-scheduler's configuration.
	Name() string
	// Weight is how much the rule counts among the others.
	Weight() int64
	// Score writes 0…100 for each node into scores, which comes zeroed. It returns false if
	// the rule has nothing to say for this pod.
	Score(s *Snapshot, pod *Pod, nodes []*Node, scores []int64) bool
}

var scorers = []Scorer{
	taintToleration{}, nodeAffinity{}, leastAllocated{}, balancedAllocation{}, spread{},
}

// rank is the weighted sum of all scores, node by node.
func rank(s *Snapshot, pod *Pod, nodes []*Node) []int64 {
	total := make([]int64, len(nodes))
	scores := make([]int64, len(nodes))
	for _, scorer := range scorers {
		clear(scores)
		if !scorer.Score(s, pod, nodes, scores) {
			continue
		}
		for i := range total {
			total[i] += scorer.Weight() * scores[i]
		}
	}
	return total
}

type direction bool

const (
	moreIsBetter direction = true
	lessIsBetter direction = false
)

// normalise scales raw counts to 0…100 relative to the greatest of them.
func normalise(scores []int64, d direction) {
	most := slices.Max(scores)
	for i := range scores {
		if most > 0 {
			scores[i] = scores[i] * maxScore / most
		}
		if d == lessIsBetter {
			scores[i] = maxScore - scores[i]
		}
	}
}
