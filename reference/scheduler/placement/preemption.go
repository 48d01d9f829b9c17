package placement

import corev1 "k8s.io/api/core/v1"

const (
	noVictims  = "No preemption victims found for incoming pod"
	notHelpful = "Preemption is not helpful for scheduling"
)

// preemptionOutlook says why evicting pods of lower priority would not make room for pod, node
// by node; empty if on some node it would.
func preemptionOutlook(s *Snapshot, pod *Pod, refusals map[string]Refusal) string {
	if policy := pod.Object.Spec.PreemptionPolicy; policy != nil && *policy == corev1.PreemptNever {
		return "not eligible due to preemptionPolicy=Never."
	}
	outlook := map[string]Refusal{}
	for name, r := range refusals {
		if r.Final {
			continue
		}
		n := s.Node(name)
		lower := func(p *Pod) bool { return p.Priority < pod.Priority }
		emptied := n.without(lower)
		if len(emptied.pods) == len(n.pods) {
			outlook[name] = Refusal{Reasons: []string{noVictims}}
			continue
		}
		f := refusedBy(pod, emptied)
		if f == nil {
			return ""
		}
		outlook[name] = f.Explain(pod, emptied)
	}
	return histogram(len(s.ready), outlook, notHelpful, "")
}
