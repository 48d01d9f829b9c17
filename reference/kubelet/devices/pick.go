package devices

import (
	"cmp"
	"slices"
)

// Device is one of a plugin's, as it was last told.
type Device struct {
	ID      string
	Healthy bool
	// NUMA are the nodes that the device is close to; none stands for a device to which it does not matter.
	NUMA []int
}

// choice is from which devices a container gets how many.
type choice struct {
	count int
	// reusable are those that init containers of the pod leave behind; they are taken first.
	reusable []string
	// available are healthy and nobody's.
	available []Device
	// affinity are the NUMA nodes from which the devices should come; none stands for any.
	affinity []int
	// preferred are those that the plugin would take.
	preferred []string
}

// pick returns the ids of the devices in order, fewer than wanted if there are too few.
func (c choice) pick() []string {
	out := slices.Sorted(slices.Values(c.reusable))
	out = out[:min(len(out), c.count)]
	left := c.count - len(out)
	ranked := slices.Clone(c.available)
	slices.SortFunc(ranked, func(a, b Device) int {
		return cmp.Or(slices.Compare(c.rank(a), c.rank(b)), cmp.Compare(a.ID, b.ID))
	})
	for _, d := range ranked[:min(left, len(ranked))] {
		out = append(out, d.ID)
	}
	slices.Sort(out)
	return out
}

// lacking is how many devices are missing beside those that are reused.
func (c choice) lacking() int { return max(c.count-len(c.reusable), 0) }

// rank orders devices: the smaller, the rather it is taken. What is close to the right NUMA nodes goes before what the
// plugin prefers, and that before what is close to others, and that before what is close to none.
func (c choice) rank(d Device) []int {
	preferred := 1
	if slices.Contains(c.preferred, d.ID) {
		preferred = 0
	}
	return []int{far(d, c.affinity), preferred, distance(d, c.affinity)}
}

// distance is 0 for a device that is close to one of the nodes, 1 for one close to others, 2 for one close to none.
func distance(d Device, affinity []int) int {
	switch {
	case len(affinity) == 0:
		return 0
	case len(d.NUMA) == 0:
		return 2
	case slices.ContainsFunc(d.NUMA, func(n int) bool { return slices.Contains(affinity, n) }):
		return 0
	}
	return 1
}

func far(d Device, affinity []int) int { return min(distance(d, affinity), 1) }

// question is what a plugin is asked for its preference: from which devices, and which of these the container gets
// anyway. Where enough devices are close to the right NUMA nodes it chooses among these, else among the others.
func (c choice) question() (from, must []string) {
	must = slices.Sorted(slices.Values(c.reusable))
	must = must[:min(len(must), c.count)]
	var near, all []string
	for _, d := range c.available {
		all = append(all, d.ID)
		if len(c.affinity) > 0 && distance(d, c.affinity) == 0 {
			near = append(near, d.ID)
		}
	}
	if c.count-len(must) < len(near) {
		from = slices.Concat(near, must)
	} else {
		must = append(must, near...)
		from = slices.Concat(all, must)
	}
	slices.Sort(from)
	slices.Sort(must)
	return slices.Compact(from), must
}
