package pods

import (
	"maps"
	"time"

	"github.com/etalon-dev/etalon/bench/process"
)

// others are the programs of a node that live too briefly, or are too many, to be counted one by one.
const others = "shims, runc, CNI, containers"

// spent is the processor time used so far by each part of the cluster; others is the rest of what the node used.
func (b *bench) spent() (map[string]time.Duration, error) {
	out := map[string]time.Duration{}
	add := func(processes map[string]*process.Process) (sum time.Duration, err error) {
		for name, p := range processes {
			if out[name], err = p.CPU(); err != nil {
				return 0, err
			}
			sum += out[name]
		}
		return sum, nil
	}
	counted, err := add(b.processes)
	if err != nil {
		return nil, err
	}
	all, err := b.init.GroupCPU()
	if err != nil {
		return nil, err
	}
	out[others] = all - counted
	_, err = add(b.controlPlane)
	return out, err
}

// since is what was spent after before.
func since(before, after map[string]time.Duration) map[string]time.Duration {
	out := maps.Clone(after)
	for name := range out {
		out[name] -= before[name]
	}
	return out
}
