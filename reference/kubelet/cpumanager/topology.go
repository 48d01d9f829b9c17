// Package cpumanager gives containers of guaranteed pods CPUs of their own, by the policy "static" (docs:
// tasks/administer-cluster/cpu-management-policies). All other containers share what is left.
package cpumanager

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// CPU is one processor as the kernel counts them: a thread of a core.
type CPU struct {
	ID, Core, Socket, Node int
	// Cache is the number of the last-level cache that it shares with others.
	Cache int
}

// Topology is where the machine's processors are.
type Topology []CPU

// Inspect reads the topology from the kernel's directory of CPUs, /sys/devices/system/cpu.
func Inspect(dir string) (Topology, error) {
	text, err := os.ReadFile(filepath.Join(dir, "online"))
	if err != nil {
		return nil, err
	}
	online, err := cpuset.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("the processors that are online: %w", err)
	}
	var t Topology
	for _, id := range online.List() {
		c := CPU{ID: id}
		own := filepath.Join(dir, fmt.Sprint("cpu", id))
		if c.Core, err = number(filepath.Join(own, "topology", "core_id")); err != nil {
			return nil, err
		}
		if c.Socket, err = number(filepath.Join(own, "topology", "physical_package_id")); err != nil {
			return nil, err
		}
		if c.Cache, err = cache(filepath.Join(own, "cache")); err != nil {
			return nil, err
		}
		nodes, err := filepath.Glob(filepath.Join(own, "node[0-9]*"))
		if err == nil && len(nodes) > 0 {
			if c.Node, err = strconv.Atoi(strings.TrimPrefix(filepath.Base(nodes[0]), "node")); err != nil {
				return nil, err
			}
		}
		t = append(t, c)
	}
	if len(t) == 0 {
		return nil, errors.New("no processor is online")
	}
	return t, nil
}

// number is what the file says; a machine that does not tell of cores or sockets has one.
func number(file string) (int, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return max(n, 0), err
}

// cache is the number of the cache of the highest level; a machine that does not tell of caches has one.
func cache(dir string) (int, error) {
	all, err := filepath.Glob(filepath.Join(dir, "index[0-9]*"))
	if err != nil {
		return 0, err
	}
	level, id := 0, 0
	for _, own := range all {
		l, err := number(filepath.Join(own, "level"))
		if err != nil {
			return 0, err
		}
		if l <= level {
			continue
		}
		level = l
		if id, err = number(filepath.Join(own, "id")); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// All are the machine's processors.
func (t Topology) All() cpuset.CPUSet {
	var ids []int
	for _, c := range t {
		ids = append(ids, c.ID)
	}
	return cpuset.New(ids...)
}

// core, socket, node and cache name what the CPU is a part of within the machine.
func (c CPU) core() [2]int   { return [2]int{c.Socket, c.Core} }
func (c CPU) socket() [2]int { return [2]int{c.Socket, -1} }
func (c CPU) node() [2]int   { return [2]int{c.Node, -1} }
func (c CPU) cache() [2]int  { return [2]int{c.Socket, c.Cache} }

// Near are the CPUs of the NUMA nodes; all of them if there are none.
func (t Topology) Near(nodes topology.Nodes) cpuset.CPUSet {
	var ids []int
	for _, c := range t {
		if nodes == 0 || nodes.Has(c.Node) {
			ids = append(ids, c.ID)
		}
	}
	return cpuset.New(ids...)
}

// siblings are all CPUs of the cores that these are of.
func (t Topology) siblings(of cpuset.CPUSet) cpuset.CPUSet {
	out := of
	for _, core := range t.groups(CPU.core) {
		if !core.Intersection(of).IsEmpty() {
			out = out.Union(core)
		}
	}
	return out
}

// nodes are the NUMA nodes that have CPUs.
func (t Topology) nodes() (n topology.Nodes) {
	for _, c := range t {
		n |= topology.NodesOf(c.Node)
	}
	return n
}

// groups returns the CPUs by what of says of them.
func (t Topology) groups(of func(CPU) [2]int) map[[2]int]cpuset.CPUSet {
	ids := map[[2]int][]int{}
	for _, c := range t {
		ids[of(c)] = append(ids[of(c)], c.ID)
	}
	out := map[[2]int]cpuset.CPUSet{}
	for key, list := range ids {
		out[key] = cpuset.New(list...)
	}
	return out
}

// perCore is how many threads a core has, at most.
func (t Topology) perCore() int {
	most := 1
	for _, core := range t.groups(CPU.core) {
		most = max(most, core.Size())
	}
	return most
}
