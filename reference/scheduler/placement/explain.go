package placement

import (
	"fmt"
	"slices"
	"strings"
)

// FitError says why no node takes a pod, in the words that users of kubectl describe know.
type FitError struct {
	// Nodes is how many nodes the cluster has.
	Nodes int
	// Refusals are the answers of the nodes that were asked.
	Refusals map[string]Refusal
	// Absent is the reason for the nodes that were not asked.
	Absent string
	// Whole, if set, is why no node was asked at all; it stands for the reasons of the nodes.
	Whole string
	// Preemption says why evicting pods would not help; empty if it could.
	Preemption string
}

// Error is the message of the FailedScheduling event and of the PodScheduled condition.
func (e *FitError) Error() string {
	var b strings.Builder
	b.WriteString(histogram(e.Nodes, e.Refusals, e.Absent, e.Whole))
	if e.Preemption != "" {
		b.WriteString(" preemption: " + e.Preemption)
	}
	return b.String()
}

// histogram counts the nodes by reason: "0/3 nodes are available: 1 Insufficient cpu, 2 …."
func histogram(nodes int, refusals map[string]Refusal, absent, whole string) string {
	msg := fmt.Sprintf("0/%d nodes are available:", nodes)
	if whole != "" {
		return msg + " " + whole + "."
	}
	counts := map[string]int{}
	for _, r := range refusals {
		for _, reason := range r.Reasons {
			counts[reason]++
		}
	}
	if rest := nodes - len(refusals); absent != "" && rest > 0 {
		counts[absent] += rest
	}
	var parts []string
	for reason, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return msg
	}
	return msg + " " + strings.Join(parts, ", ") + "."
}

func explain(s *Snapshot, pod *Pod, asked []*Node) *FitError {
	e := &FitError{Nodes: len(s.ready), Refusals: map[string]Refusal{}}
	for _, n := range asked {
		e.Refusals[n.Name] = refusedBy(pod, n).Explain(pod, n)
	}
	if pod.only.limited {
		e.Absent = "node(s) didn't satisfy plugin(s) [NodeAffinity]"
	}
	e.Preemption = preemptionOutlook(s, pod, e.Refusals)
	return e
}
