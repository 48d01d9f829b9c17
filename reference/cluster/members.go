package cluster

import (
	"fmt"
	"slices"

	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/network"
)

// Members are a cluster's nodes as the record has them: by number, which gives a node its name and its addresses.
type Members struct {
	// Nodes is how many there are.
	Nodes int `json:"nodes"`
	// Removed are the numbers that no node has although a higher one is taken. The next node gets the lowest.
	Removed []int `json:"removedNodes,omitempty"`
	// Stopped are those nodes that are off on purpose, and Disconnected those whose network is cut. Both last until the
	// user takes them back, whatever else is started again.
	Stopped      []int `json:"stoppedNodes,omitempty"`
	Disconnected []int `json:"disconnectedNodes,omitempty"`
}

// Numbers are those of the nodes, in order.
func (m *Members) Numbers() []int {
	numbers := make([]int, 0, m.Nodes)
	for n := 1; len(numbers) < m.Nodes; n++ {
		if !slices.Contains(m.Removed, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// grow adds so many nodes and returns their numbers.
func (m *Members) grow(count int) (added []int, err error) {
	if m.Nodes+count > network.MaxNodes {
		return nil, fmt.Errorf("%d nodes: a cluster has at most %d", m.Nodes+count, network.MaxNodes)
	}
	for range count {
		n := m.Nodes + len(m.Removed) + 1
		if len(m.Removed) > 0 {
			n = slices.Min(m.Removed)
			m.Removed = without(m.Removed, n)
		}
		m.Nodes++
		added = append(added, n)
	}
	return added, nil
}

// drop removes a node, which must be one.
func (m *Members) drop(n int) {
	highest := m.Nodes + len(m.Removed)
	m.Nodes--
	m.Removed = with(m.Removed, n)
	m.Stopped, m.Disconnected = without(m.Stopped, n), without(m.Disconnected, n)
	for ; slices.Contains(m.Removed, highest); highest-- {
		m.Removed = without(m.Removed, highest)
	}
}

func with(list []int, n int) []int {
	list = append(without(list, n), n)
	slices.Sort(list)
	return list
}

func without(list []int, n int) []int {
	return slices.DeleteFunc(slices.Clone(list), func(other int) bool { return other == n })
}

// member returns the node of that name.
func (c *Cluster) member(name string) (node.Node, error) {
	for _, n := range c.allNodes() {
		if n.Name() == name {
			return n, nil
		}
	}
	if c.Nodes == 0 {
		return node.Node{}, fmt.Errorf("cluster %q has no node %q; it has none (etalon node add%s)", c.Name, name, nameFlag(c.Name))
	}
	return node.Node{}, fmt.Errorf("cluster %q has no node %q; see `etalon node list%s`", c.Name, name, nameFlag(c.Name))
}

// on are the nodes that are meant to run, and of these reachable those whose network is not cut.
func (c *Cluster) on() (on, reachable []node.Node) {
	for _, n := range c.allNodes() {
		if slices.Contains(c.Stopped, n.Number) {
			continue
		}
		on = append(on, n)
		if !n.Unplugged {
			reachable = append(reachable, n)
		}
	}
	return on, reachable
}
