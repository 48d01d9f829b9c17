package replicas

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// burst is the most pods made or deleted in one go. What is left follows once
// the cache shows these.
const burst = 500

// decision is what to do about a set's pods.
type decision struct {
	create int
	delete []*corev1.Pod
}

// plan says how to get from the active pods to the wanted number of them.
// Related are the active pods of all sets of the same owner: where two of them
// share a node, one of them is the better one to lose.
func plan(wanted int, active, related []*corev1.Pod, now time.Time) decision {
	surplus := len(active) - wanted
	if surplus <= 0 {
		return decision{create: min(-surplus, burst)}
	}
	surplus = min(surplus, burst)
	victims := append([]*corev1.Pod(nil), active...)
	if surplus < len(active) {
		perNode := map[string]int{}
		for _, pod := range related {
			perNode[pod.Spec.NodeName]++
		}
		surplusOrder(victims, func(node string) int { return perNode[node] }, now)
	}
	return decision{delete: victims[:surplus]}
}
