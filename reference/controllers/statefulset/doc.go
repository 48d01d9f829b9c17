// Package statefulset is the StatefulSet controller: it keeps pods that each have
// a name, a place in an order, and storage of their own, which they find again
// whenever they are made anew.
//
// plan.go decides from the StatefulSet, its pods and their claims alone. With
// OrderedReady pod management it changes one pod at a time:
//
//   - it makes a pod once all before it are running, ready and available,
//   - it removes one once all are and none after it is left,
//   - it never makes a pod while one of that name is there, however long its
//     node has been lost: that pod may still be running.
//
// With Parallel it makes and removes without waiting; an update still keeps as
// many pods available as maxUnavailable says.
//
// Documentation: concepts/workloads/controllers/statefulset; KEP-961
// (maxUnavailable), KEP-1847 (retention of claims), KEP-3335 (start ordinal).
package statefulset
