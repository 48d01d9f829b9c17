package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Machine is where a machine's memory is.
type Machine []Node

// Node is one NUMA node: a part of the memory that is near some of the processors.
type Node struct {
	ID int
	// Memory is how much there is, in bytes, huge pages included.
	Memory int64
	// HugePages are how many there are by size in bytes.
	HugePages map[int64]int64
	// Distances are how far the nodes are from this one, as the firmware says it, by their number; 10 is itself.
	Distances map[int]int
}

// Inspect reads the nodes from the kernel's directory of them, /sys/devices/system/node. A machine that has none is
// one node with the memory that memory says.
func Inspect(dir string, memory int64) (Machine, error) {
	text, err := os.ReadFile(filepath.Join(dir, "online"))
	if errors.Is(err, fs.ErrNotExist) {
		return Machine{{Memory: memory, Distances: map[int]int{0: 10}}}, nil
	}
	if err != nil {
		return nil, err
	}
	online, err := parseList(string(text))
	if err != nil || online == 0 {
		return nil, fmt.Errorf("NUMA nodes that are online: %q, %w", text, err)
	}
	var m Machine
	for _, id := range online.List() {
		n, err := inspect(filepath.Join(dir, fmt.Sprint("node", id)), id, online)
		if err != nil {
			return nil, fmt.Errorf("NUMA node %d: %w", id, err)
		}
		m = append(m, n)
	}
	return m, nil
}

func inspect(dir string, id int, online Nodes) (Node, error) {
	n := Node{ID: id, HugePages: map[int64]int64{}, Distances: map[int]int{}}
	text, err := os.ReadFile(filepath.Join(dir, "meminfo"))
	if err != nil {
		return n, err
	}
	for line := range strings.Lines(string(text)) {
		// Node 0 MemTotal: 24684084 kB
		if f := strings.Fields(line); len(f) >= 4 && f[2] == "MemTotal:" {
			kib, err := strconv.ParseInt(f[3], 10, 64)
			if err != nil {
				return n, err
			}
			n.Memory = kib << 10
		}
	}
	if text, err = os.ReadFile(filepath.Join(dir, "distance")); err == nil {
		// One for each node that is online, in their order.
		for i, field := range strings.Fields(string(text)) {
			if ids := online.List(); i < len(ids) {
				if n.Distances[ids[i]], err = strconv.Atoi(field); err != nil {
					return n, err
				}
			}
		}
	}
	sizes, err := filepath.Glob(filepath.Join(dir, "hugepages", "hugepages-*kB"))
	if err != nil {
		return n, err
	}
	for _, size := range sizes {
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(size), "hugepages-"), "kB"), 10, 64)
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(size, "nr_hugepages"))
		if err != nil {
			continue
		}
		if n.HugePages[kib<<10], err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err != nil {
			return n, err
		}
	}
	return n, nil
}

// All are the machine's nodes.
func (m Machine) All() Nodes {
	var n Nodes
	for _, node := range m {
		n |= NodesOf(node.ID)
	}
	return n
}

// distance is how far the nodes of the set are from each other on average, themselves included.
func (m Machine) distance(set Nodes) float64 {
	var sum, count float64
	for _, node := range m {
		if !set.Has(node.ID) {
			continue
		}
		for _, other := range set.List() {
			sum += float64(node.Distances[other])
			count++
		}
	}
	if count == 0 {
		return 0
	}
	return sum / count
}
