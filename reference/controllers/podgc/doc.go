// Package podgc removes pods that nobody else will: those of nodes that no
// longer exist, those deleted before they were ever scheduled, and finished ones
// beyond a number that is kept for their logs and exit codes.
//
// Documentation: concepts/workloads/pods/pod-lifecycle#pod-garbage-collection.
package podgc
