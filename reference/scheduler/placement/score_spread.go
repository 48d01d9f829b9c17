package placement

import (
	"math"
	"slices"
)

// spread prefers nodes and zones with fewer pods of the same Service, ReplicaSet,
// ReplicationController or StatefulSet: the two soft constraints that hold for a pod which sets
// none itself (docs: concepts/scheduling-eviction/topology-spread-constraints#internal-default-constraints).
type spread struct{}

const (
	zoneSkew = 3
	hostSkew = 5
)

func (spread) Name() string  { return "PodTopologySpread" }
func (spread) Weight() int64 { return 2 }

func (spread) Score(s *Snapshot, pod *Pod, nodes []*Node, scores []int64) bool {
	if len(pod.Object.Spec.TopologySpreadConstraints) > 0 {
		return false
	}
	selector := s.groups.selector(pod.Object)
	if selector == nil {
		return false
	}
	perNode := s.groups.count(pod.Object.Namespace, selector)
	perZone := map[string]int{}
	for n, count := range perNode {
		// Only nodes that the pod could be sent to by its affinity count for their zone.
		if zone := n.zone; zone != "" && (nodeAffinity{}).Passes(pod, n) {
			perZone[zone] += count
		}
	}
	zones := map[string]bool{}
	for _, n := range nodes {
		if zone := n.zone; zone != "" {
			zones[zone] = true
		}
	}
	hostWeight, zoneWeight := math.Log(float64(len(nodes)+2)), math.Log(float64(len(zones)+2))
	for i, n := range nodes {
		load := float64(perNode[n])*hostWeight + hostSkew - 1
		if zone := n.zone; zone != "" {
			load += float64(perZone[zone])*zoneWeight + zoneSkew - 1
		}
		scores[i] = int64(math.Round(load))
	}
	least, most := slices.Min(scores), slices.Max(scores)
	for i := range scores {
		if most == 0 {
			scores[i] = maxScore
			continue
		}
		scores[i] = maxScore * (most + least - scores[i]) / most
	}
	return true
}
