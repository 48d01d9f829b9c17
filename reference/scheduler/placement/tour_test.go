package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// The numbers of the documentation: half of 100 nodes at first, a tenth of 5,000, never less than a twentieth, and in
// a small cluster all.
func TestHowManyNodesAreEnough(t *testing.T) {
	for nodes, want := range map[int]int{
		0: 0, 1: 1, 50: 50, 99: 99, 100: 100, 101: 100, 200: 100, 250: 120, 1000: 420, 5000: 500, 5625: 281, 6000: 300, 20000: 1000,
	} {
		if got := enough(nodes); got != want {
			t.Errorf("of %d nodes %d are enough, want %d", nodes, got, want)
		}
	}
}

// The example of the documentation: two zones, with four nodes and with two.
func TestZonesTakeTurns(t *testing.T) {
	s := NewSnapshot()
	for i, zone := range []string{"1", "1", "1", "1", "2", "2"} {
		s.SetNode(aNode(fmt.Sprint("node-", i+1), labelled(corev1.LabelTopologyZone, zone)))
	}
	order := func() string {
		_, asked := search(s, NewPod(aPod("p")))
		var names []string
		for _, n := range asked {
			names = append(names, strings.TrimPrefix(n.Name, "node-"))
		}
		return strings.Join(names, " ")
	}
	if got, want := order(), "1 5 2 6 3 4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.SetNode(aNode("node-2", labelled(corev1.LabelTopologyZone, "2")))
	if got, want := order(), "1 2 3 5 4 6"; got != want {
		t.Errorf("once a node has moved: got %s, want %s", got, want)
	}
	s.SetNode(aNode("node-3", labelled(corev1.LabelTopologyZone, "1"), labelled(corev1.LabelTopologyRegion, "r")))
	if got, want := order(), "1 2 3 4 5 6"; got != want {
		t.Errorf("zones of one name in two regions: got %s, want %s", got, want)
	}
	s.RemoveNode("node-5")
	if got, want := order(), "1 2 3 4 6"; got != want {
		t.Errorf("once a node is gone: got %s, want %s", got, want)
	}
}

// A search ends when it has found enough, and no sooner; it goes on where the one before ended; and a pod that fits
// somewhere is never refused.
func TestASearchEndsWhenItHasEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSnapshot()
		n := rapid.IntRange(1, 400).Draw(t, "nodes")
		// Every so many nodes one has the disk; in zones, so that the order is not that of the names.
		rare := rapid.SampledFrom([]int{1, 2, 3, 7, 1000}).Draw(t, "rare")
		zones := rapid.IntRange(1, 4).Draw(t, "zones")
		for i := range n {
			disk := "hdd"
			if i%rare == 0 {
				disk = "ssd"
			}
			s.SetNode(aNode(fmt.Sprintf("node-%d", i), labelled("disk", disk), labelled(corev1.LabelTopologyZone, fmt.Sprint(i%zones))))
		}
		pod := NewPod(aPod("p", selecting("disk", "ssd")))
		all := (n + rare - 1) / rare
		want := min(all, enough(n))
		at := 0
		for range rapid.IntRange(1, 10).Draw(t, "searches") {
			feasible, asked := search(s, pod)
			if len(feasible) != want {
				t.Fatalf("found %d, want %d: %d of %d fit, and %d are enough", len(feasible), want, all, n, enough(n))
			}
			if len(asked) < n && asked[len(asked)-1] != feasible[len(feasible)-1] {
				t.Fatal("went on with enough")
			}
			for i, node := range asked {
				if next := s.tour.nodes[(at+i)%n]; node != next {
					t.Fatalf("asked %s where it was the turn of %s", node.Name, next.Name)
				}
			}
			at = (at + len(asked)) % n
			if slices.ContainsFunc(feasible, func(n *Node) bool { return !Fits(pod, n) }) {
				t.Fatal("found what does not fit")
			}
		}
	})
}

// However few nodes one search looks at, the next ones look at others: all nodes are used. And the same seed gives the
// same answers, in whatever order the nodes came.
func TestEveryNodeHasItsTurn(t *testing.T) {
	nodes := numbered(1000, func(name string) *corev1.Node { return aNode(name) })
	s := cluster(nodes, nil)
	slices.Reverse(nodes)
	twin := cluster(nodes, nil)
	ties, twinTies := seed(3), seed(3)
	for i := range 1000 {
		pod := NewPod(aPod(fmt.Sprint("pod-", i), requesting(amounts("3", "1Gi"))))
		node, err := Schedule(s, pod, ties)
		if err != nil {
			t.Fatalf("pod %d: %v", i, err)
		}
		if again, err := Schedule(twin, pod, twinTies); again != node {
			t.Fatalf("pod %d: %s, and with the same seed %q, %v", i, node, again, err)
		}
		s.Place(pod, node)
		twin.Place(pod, node)
	}
	if node, err := Schedule(s, NewPod(aPod("one-more", requesting(amounts("3", "1Gi")))), ties); err == nil {
		t.Errorf("%s took two", node)
	}
}
