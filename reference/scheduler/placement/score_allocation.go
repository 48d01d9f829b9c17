package placement

import "math"

// leastAllocated prefers nodes that keep the most CPU and memory free once the pod is there.
type leastAllocated struct{}

func (leastAllocated) Name() string  { return "NodeResourcesFit" }
func (leastAllocated) Weight() int64 { return 1 }

func (leastAllocated) Score(_ *Snapshot, pod *Pod, nodes []*Node, scores []int64) bool {
	for i, n := range nodes {
		var sum, kinds int64
		add := func(capacity, used int64) {
			if capacity == 0 {
				return
			}
			kinds++
			if used <= capacity {
				sum += scaled(capacity-used, capacity)
			}
		}
		add(n.allocatable.MilliCPU, n.usage.milliCPU+pod.usage.milliCPU)
		add(n.allocatable.Memory, n.usage.memory+pod.usage.memory)
		if kinds > 0 {
			scores[i] = sum / kinds
		}
	}
	return true
}

// balancedAllocation prefers nodes whose CPU and memory are then used in equal shares, so that
// neither runs out while the other lies idle.
type balancedAllocation struct{}

func (balancedAllocation) Name() string  { return "NodeResourcesBalancedAllocation" }
func (balancedAllocation) Weight() int64 { return 1 }

func (balancedAllocation) Score(_ *Snapshot, pod *Pod, nodes []*Node, scores []int64) bool {
	if pod.Requests.MilliCPU == 0 && pod.Requests.Memory == 0 {
		return false // nothing requested tips no balance
	}
	for i, n := range nodes {
		cpu, okCPU := share(n.requested.MilliCPU+pod.Requests.MilliCPU, n.allocatable.MilliCPU)
		memory, okMemory := share(n.requested.Memory+pod.Requests.Memory, n.allocatable.Memory)
		deviation := 0.0
		if okCPU && okMemory {
			deviation = math.Abs(cpu-memory) / 2
		}
		scores[i] = int64((1 - deviation) * maxScore)
	}
	return true
}

func share(used, capacity int64) (float64, bool) {
	if capacity <= 0 {
		return 0, false
	}
	return min(float64(used)/float64(capacity), 1), true
}

// scaled is part/whole in hundredths without overflow for sizes in bytes.
func scaled(part, whole int64) int64 {
	if part > math.MaxInt64/maxScore {
		return int64(float64(part) / float64(whole) * maxScore)
	}
	return part * maxScore / whole
}
