// Package tainteviction deletes pods from nodes that have a NoExecute taint:
// at once those that do not tolerate it, and those that tolerate it for a time
// once that has passed.
//
// Documentation: concepts/scheduling-eviction/taint-and-toleration.
package tainteviction
