package placement

import (
	"fmt"
	"maps"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"
)

// What is counted is what one finds by asking every pod, for any selector, as pods come and go.
func TestTallyIsACount(t *testing.T) {
	type pod struct {
		labels labels.Set
		node   *Node
	}
	nodes := []*Node{newNode("a"), newNode("b"), newNode("c")}
	selectors := []string{"", "app=web", "app=web,tier=1", "app in (web,db)", "app in (db)", "tier", "!tier", "app!=web", "app=none", "tier=2,app!=db"}
	rapid.Check(t, func(t *rapid.T) {
		tally, pods := newTally(), []pod{}
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			if len(pods) > 0 && rapid.Bool().Draw(t, "goes") {
				i := rapid.IntRange(0, len(pods)-1).Draw(t, "which")
				tally.add(maps.Clone(pods[i].labels), pods[i].node, -1)
				pods = append(pods[:i], pods[i+1:]...)
			} else {
				p := pod{labels.Set{}, rapid.SampledFrom(nodes).Draw(t, "node")}
				if app := rapid.SampledFrom([]string{"", "web", "db"}).Draw(t, "app"); app != "" {
					p.labels["app"] = app
				}
				if tier := rapid.IntRange(0, 2).Draw(t, "tier"); tier > 0 {
					p.labels["tier"] = fmt.Sprint(tier)
				}
				tally.add(p.labels, p.node, 1)
				pods = append(pods, p)
			}
			for _, text := range selectors {
				selector, err := labels.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				want := map[*Node]int{}
				for _, p := range pods {
					if selector.Matches(p.labels) {
						want[p.node]++
					}
				}
				if got := tally.count(selector); !maps.Equal(got, want) {
					t.Fatalf("%q: got %v, want %v", text, got, want)
				}
			}
		}
		for _, p := range pods {
			tally.add(p.labels, p.node, -1)
		}
		if left := tally.describe(); len(left) > 0 || !tally.empty() {
			t.Fatalf("left over: %v", left)
		}
	})
}
