package nodettl

// A step is for how long kubelets may keep Secrets and ConfigMaps in a cluster of
// so many nodes. Steps overlap, so that a cluster that grows and shrinks a little
// does not change its mind each time.
type step struct {
	least, most int // nodes; most is 0 where there is no end
	seconds     int
}

var steps = []step{
	{least: 0, most: 100, seconds: 0},
	{least: 90, most: 500, seconds: 15},
	{least: 450, most: 1000, seconds: 30},
	{least: 900, most: 2000, seconds: 60},
	{least: 1800, seconds: 300},
}

// next is the step for a cluster of that many nodes that has been at step now.
func next(now, nodes int) int {
	for steps[now].most != 0 && nodes > steps[now].most {
		now++
	}
	for nodes < steps[now].least {
		now--
	}
	return now
}
