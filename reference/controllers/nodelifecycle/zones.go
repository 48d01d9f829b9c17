package nodelifecycle

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
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

// zones counts the nodes of each zone, and those of them that are not ready. It
// is told of every change, so that nobody has to look all nodes through. It is
// not safe for concurrent use.
type zones struct {
	Options
	nodes map[string]member
	count map[string]tally
}

// member is what is known of a node.
type member struct {
	zone string
	sick bool
}

type tally struct{ all, sick int }

func newZones(o Options) *zones {
	return &zones{Options: o, nodes: map[string]member{}, count: map[string]tally{}}
}

// set notes how the node fares now, and reports whether that changes the pace at
// which nodes of any zone are evicted.
func (z *zones) set(node *corev1.Node) bool {
	now := member{zone: zone(node), sick: readiness(node) != corev1.ConditionTrue}
	if before, known := z.nodes[node.Name]; known && before == now {
		return false
	}
	return z.change(func() {
		z.forget(node.Name)
		z.nodes[node.Name] = now
		z.add(now, 1)
	})
}

// drop notes that the node is gone.
func (z *zones) drop(name string) bool { return z.change(func() { z.forget(name) }) }

func (z *zones) change(do func()) bool {
	before := z.rates()
	do()
	return !maps.Equal(before, z.rates())
}

func (z *zones) forget(name string) {
	if before, known := z.nodes[name]; known {
		delete(z.nodes, name)
		z.add(before, -1)
	}
}

func (z *zones) add(m member, n int) {
	count := z.count[m.zone]
	count.all += n
	if m.sick {
		count.sick += n
	}
	if z.count[m.zone] = count; count.all == 0 {
		delete(z.count, m.zone)
	}
}

func (z *zones) state(name string) zoneState {
	switch count := z.count[name]; {
	case count.sick == count.all:
		return zoneFull
	case count.sick > 2 && float64(count.sick) >= z.UnhealthyShare*float64(count.all):
		return zonePartial
	}
	return zoneNormal
}

// allDown reports whether no node of any zone is ready. That is taken for a fault
// on this side, and nothing is evicted.
func (z *zones) allDown() bool {
	for name := range z.count {
		if z.state(name) != zoneFull {
			return false
		}
	}
	return true
}

// rate is how many nodes of the zone may be tainted NoExecute in a second.
func (z *zones) rate(name string) float64 {
	switch {
	case z.allDown():
		return 0
	case z.state(name) != zonePartial:
		return z.EvictionRate
	case z.count[name].all > z.LargeZone:
		return z.SecondaryRate
	}
	return 0
}

// rates are those of all zones. There are few.
func (z *zones) rates() map[string]float64 {
	rates := make(map[string]float64, len(z.count))
	for name := range z.count {
		rates[name] = z.rate(name)
	}
	return rates
}
