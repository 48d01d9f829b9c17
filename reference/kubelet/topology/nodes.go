package topology

import (
	"fmt"
	"iter"
	"math/bits"
	"strconv"
	"strings"
)

// Nodes is a set of NUMA nodes by their number.
type Nodes uint64

// maxNode is one more than the highest number that a node may have.
const maxNode = 64

// NodesOf is the set of these nodes.
func NodesOf(ids ...int) Nodes {
	var n Nodes
	for _, id := range ids {
		n |= 1 << id
	}
	return n
}

// Has tells whether the node is one of the set.
func (n Nodes) Has(id int) bool { return id >= 0 && id < maxNode && n&(1<<id) != 0 }

// Count is how many nodes there are.
func (n Nodes) Count() int { return bits.OnesCount64(uint64(n)) }

// List returns the nodes in ascending order.
func (n Nodes) List() []int {
	out := make([]int, 0, n.Count())
	for rest := uint64(n); rest != 0; rest &= rest - 1 {
		out = append(out, bits.TrailingZeros64(rest))
	}
	return out
}

// String is the list as cpuset.mems has it: "0,2".
func (n Nodes) String() string {
	var out []string
	for _, id := range n.List() {
		out = append(out, strconv.Itoa(id))
	}
	return strings.Join(out, ",")
}

// narrower tells whether n is the better of two equally good sets: fewer nodes, then lower numbers.
func (n Nodes) narrower(than Nodes) bool {
	if a, b := n.Count(), than.Count(); a != b {
		return a < b
	}
	return n < than
}

// Subsets are all sets that can be made of these nodes but the empty one.
func (n Nodes) Subsets() iter.Seq[Nodes] {
	return func(yield func(Nodes) bool) {
		for s := n & -n; s != 0; s = (s - n) & n {
			if !yield(s) {
				return
			}
		}
	}
}

// parseList reads a list of numbers as the kernel writes it: "0-1,4".
func parseList(text string) (Nodes, error) {
	var n Nodes
	if text = strings.TrimSpace(text); text == "" {
		return 0, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		from, err := strconv.Atoi(first)
		if err != nil {
			return 0, err
		}
		to, err := strconv.Atoi(last)
		if err != nil {
			return 0, err
		}
		if from < 0 || from > to || to >= maxNode {
			return 0, fmt.Errorf("nodes %q", part)
		}
		for id := from; id <= to; id++ {
			n |= 1 << id
		}
	}
	return n, nil
}
