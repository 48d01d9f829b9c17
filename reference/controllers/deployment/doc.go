// Package deployment is the Deployment controller: it moves the pods of a
// Deployment from one template to the next by growing and shrinking ReplicaSets,
// one per template, within the bounds of its strategy.
//
// plan.go decides from the Deployment and its ReplicaSets alone, one step at a
// time; each step leads to events that bring the next. Because what it sees of a
// ReplicaSet may lag behind, it counts every ReplicaSet by the most pods it may
// have when it makes more, and by the fewest available ones when it takes some
// away. So the two bounds hold at every instant, not only between steps:
//
//   - never more than replicas + maxSurge pods,
//   - never fewer than replicas − maxUnavailable available ones.
//
// Documentation: concepts/workloads/controllers/deployment.
package deployment
