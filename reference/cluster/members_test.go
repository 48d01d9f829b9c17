package cluster

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/network"
)

// Whatever is added and removed: the record has just those nodes, a new one gets the lowest free number, and
// nothing is remembered of one that is gone.
func TestMembersAreThoseAddedAndNotRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Members
		var want []int
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			if len(want) > 0 && rapid.Bool().Draw(t, "remove") {
				n := rapid.SampledFrom(want).Draw(t, "which")
				m.Stopped, m.Disconnected = with(m.Stopped, n), with(m.Disconnected, n)
				m.drop(n)
				want = without(want, n)
			} else {
				added, err := m.grow(rapid.IntRange(1, 4).Draw(t, "count"))
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range added {
					lowest := 1
					for slices.Contains(want, lowest) {
						lowest++
					}
					if n != lowest {
						t.Fatalf("the new node is %d, and %d is free: %+v", n, lowest, m)
					}
					want = with(want, n)
				}
			}
			if got := m.Numbers(); !slices.Equal(got, want) || m.Nodes != len(want) || len(m.Stopped)+len(m.Disconnected) > 0 {
				t.Fatalf("got %v of %+v, want %v", got, m, want)
			}
		}
	})
}

func TestThereAreAddressesForSoManyNodesOnly(t *testing.T) {
	m := Members{Nodes: network.MaxNodes - 1}
	if _, err := m.grow(2); err == nil || m.Nodes != network.MaxNodes-1 {
		t.Errorf("got %v and %d nodes", err, m.Nodes)
	}
	if added, err := m.grow(1); err != nil || !slices.Equal(added, []int{network.MaxNodes}) {
		t.Errorf("got %v, %v", added, err)
	}
}

// A record of before nodes could be removed says how many there are, and no more.
func TestRecordsOfEarlierVersionsAreRead(t *testing.T) {
	var c Cluster
	if err := json.Unmarshal([]byte(`{"id":"x","name":"etalon","index":0,"nodes":2}`), &c); err != nil {
		t.Fatal(err)
	}
	if got := c.Numbers(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("got %v", got)
	}
}
