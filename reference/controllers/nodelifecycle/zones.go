package nodelifecycle

import (
	corev1 "k8s.io/api/core/v1"
)

// Rates at which nodes are tainted NoExecute, in nodes a second, so that a fault
// of the control plane's own network does not empty the cluster.
const (
	normalRate = 0.1
	// partialRate is for a large zone of which a good part is not ready; in a
	// small one nothing is evicted then.
	partialRate = 0.01
	largeZone   = 50
	// unhealthyShare is the part of a zone's nodes from which it counts as partly
	// disrupted, if there are more than two of them.
	unhealthyShare = 0.55
)

// zoneState is how a zone of nodes fares as a whole.
type zoneState int

const (
	zoneNormal  zoneState = iota
	zonePartial           // many nodes are not ready
	zoneFull              // none is ready
)

// zone is where the node is, for judging which nodes fail together.
func zone(node *corev1.Node) string {
	return node.Labels[corev1.LabelTopologyRegion] + "/" + node.Labels[corev1.LabelTopologyZone]
}

// zones is the state and the number of nodes of each zone.
type zones struct {
	state map[string]zoneState
	size  map[string]int
}

func survey(nodes []*corev1.Node) zones {
	z := zones{state: map[string]zoneState{}, size: map[string]int{}}
	notReady := map[string]int{}
	for _, node := range nodes {
		z.size[zone(node)]++
		if readiness(node) != corev1.ConditionTrue {
			notReady[zone(node)]++
		}
	}
	for name, size := range z.size {
		switch sick := notReady[name]; {
		case sick == size:
			z.state[name] = zoneFull
		case sick > 2 && float64(sick) >= unhealthyShare*float64(size):
			z.state[name] = zonePartial
		default:
			z.state[name] = zoneNormal
		}
	}
	return z
}

// allDown reports whether no node of any zone is ready. That is taken for a fault
// on this side, and nothing is evicted.
func (z zones) allDown() bool {
	for _, state := range z.state {
		if state != zoneFull {
			return false
		}
	}
	return true
}

// rate is how many nodes of the zone may be tainted NoExecute in a second.
func (z zones) rate(name string) float64 {
	switch {
	case z.allDown():
		return 0
	case z.state[name] != zonePartial:
		return normalRate
	case z.size[name] > largeZone:
		return partialRate
	}
	return 0
}
