// Package horizontalpodautoscaler is the HorizontalPodAutoscaler controller: it sets the number of replicas of
// anything with a scale subresource so that metrics stay near their targets.
//
// Each autoscaler is looked at once per period. A look reads the target's scale (target.go), asks the metrics
// APIs (metrics.go) and then only calculates:
//
//	replicas.go, perpod.go   from what was measured to the replicas that one metric asks for
//	evaluate.go              one metric of the spec: its proposal, or why there is none
//	plan.go                  the highest proposal, held back by the window, the policies and the bounds
//
// What was recommended and done before (history.go) is kept in memory alone. A controller that starts anew takes
// the size that it finds for its first recommendation, so that it is never hastier than the one before it.
//
// Documentation: concepts/workloads/autoscaling/horizontal-pod-autoscale; KEP-2021 (scaling to zero), KEP-4951
// (tolerances).
package horizontalpodautoscaler
