package nodelifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// Whatever befalls the nodes, no zone is evicted faster than its rate allows;
// where no node of the cluster is ready none is evicted, and those that were are
// spared again; a node that is ready is spared; one that is not is evicted in
// time as long as its zone is well.
func TestEvictionsKeepTheirPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Default()
		o.LargeZone = rapid.IntRange(2, 12).Draw(t, "large zone")
		now := t0
		c := &Controller{options: o, health: map[string]*health{}, pace: newPace(o.Period), zones: newZones(o), now: func() time.Time { return now }}
		nodes := map[string]*corev1.Node{}
		evicted := map[string][]time.Time{} // by zone
		status := func(t *rapid.T) corev1.ConditionStatus {
			return rapid.SampledFrom([]corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown}).Draw(t, "ready")
		}
		turn := func(name string, ready corev1.ConditionStatus) {
			node := newNode(name, ready)
			node.Labels = map[string]string{corev1.LabelTopologyZone: name[:1]}
			if before := nodes[name]; before != nil {
				node.Spec.Taints = before.Spec.Taints
			} else {
				c.health[name] = &health{}
			}
			c.health[name].turn(node, now)
			c.zones.set(node)
			nodes[name] = node
		}
		for i := range rapid.IntRange(1, 16).Draw(t, "nodes") {
			turn(fmt.Sprint([]string{"a", "b"}[i%2], i), status(t))
		}
		names := func() (names []string) {
			for name := range nodes {
				names = append(names, name)
			}
			slices.Sort(names)
			return names
		}
		look := func(name string) {
			node := nodes[name].DeepCopy()
			evict, _ := c.eviction(node)
			if evict != "" && !evicting(node) {
				evicted[zone(node)] = append(evicted[zone(node)], now)
			}
			node.Spec.Taints = taints(node, nil, evict, now)
			nodes[name] = node
			switch {
			case readiness(node) == corev1.ConditionTrue && evicting(node):
				t.Fatalf("%s is ready and evicted", name)
			case c.zones.allDown() && evicting(node):
				t.Fatalf("%s is evicted although no node is ready", name)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"turn": func(t *rapid.T) { turn(rapid.SampledFrom(names()).Draw(t, "node"), status(t)) },
			"all fail": func(*rapid.T) {
				for _, name := range names() {
					turn(name, corev1.ConditionUnknown)
				}
			},
			"look": func(*rapid.T) {
				for _, name := range names() {
					look(name)
				}
			},
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "seconds")) * time.Second)
			},
		})
		for zone, times := range evicted {
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap < 10*time.Second {
					t.Fatalf("two nodes of zone %s are evicted within %s", zone, gap)
				}
			}
		}
		// One node of each zone recovers; the others go one by one where the zone is
		// well enough.
		for _, name := range []string{"a0", "b1"} {
			if nodes[name] != nil {
				turn(name, corev1.ConditionTrue)
			}
		}
		for range 20 {
			now = now.Add(10 * time.Second)
			for _, name := range names() {
				look(name)
			}
		}
		for name, node := range nodes {
			if readiness(node) != corev1.ConditionTrue && c.zones.state(zone(node)) == zoneNormal && !evicting(node) {
				t.Fatalf("%s is still not evicted", name)
			}
		}
	})
}

// The counts of zones are those of the nodes there are, however they change.
func TestZonesCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := newZones(Default())
		nodes := map[string]*corev1.Node{}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			name := fmt.Sprint("node-", rapid.IntRange(0, 8).Draw(t, "node"))
			if rapid.IntRange(0, 3).Draw(t, "deed") == 0 {
				delete(nodes, name)
				z.drop(name)
				continue
			}
			node := newNode(name, rapid.SampledFrom([]corev1.ConditionStatus{"", corev1.ConditionTrue, corev1.ConditionUnknown}).Draw(t, "ready"))
			node.Labels = map[string]string{corev1.LabelTopologyZone: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "zone")}
			nodes[name] = node
			z.set(node)
		}
		want := map[string]tally{}
		for _, node := range nodes {
			count := want[zone(node)]
			count.all++
			if readiness(node) != corev1.ConditionTrue {
				count.sick++
			}
			want[zone(node)] = count
		}
		if fmt.Sprint(want) != fmt.Sprint(z.count) {
			t.Fatalf("counts %v, want %v", z.count, want)
		}
	})
}

func TestLabelsHaveTheirOldNames(t *testing.T) {
	for name, test := range map[string]struct{ have, want map[string]string }{
		"none":      {nil, map[string]string{}},
		"new":       {map[string]string{"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}, map[string]string{"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "arm64"}},
		"both":      {map[string]string{"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux"}, map[string]string{}},
		"different": {map[string]string{"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "windows"}, map[string]string{"beta.kubernetes.io/os": "linux"}},
		"only old":  {map[string]string{"beta.kubernetes.io/os": "linux"}, map[string]string{}},
	} {
		node := newNode("node-1", corev1.ConditionTrue)
		node.Labels = test.have
		if got := missingAliases(node); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
