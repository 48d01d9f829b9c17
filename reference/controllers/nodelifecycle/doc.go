// Package nodelifecycle judges nodes by their heartbeats. A node whose Lease is
// no longer renewed, and whose status no longer posted, becomes Ready=Unknown; a
// node that is not ready is tainted, which keeps new pods away and, in time, lets
// package tainteviction delete those that are there; and its pods are marked not
// ready at once, so that Services stop sending to them.
//
// Documentation: concepts/architecture/nodes#heartbeats, #node-controller.
package nodelifecycle
