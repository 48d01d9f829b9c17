// Package placement decides on which node a pod goes. It holds the scheduler's picture of the
// cluster (Snapshot), the filters that a node must pass and the scores that rank those that do.
// Nothing here reads a clock, a network or a lock: the same snapshot, pod and seed give the same
// answer. A snapshot remembers where the last search ended, for the next one goes on from there.
// The rules are those of kube-scheduler's default profile
// (docs: concepts/scheduling-eviction/kube-scheduler, scheduler-perf-tuning, reference/scheduling/config).
package placement
