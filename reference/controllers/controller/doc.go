// Package controller holds the few pieces that every controller here is made
// of: a queue of keys that runs Reconcile, a memory of one's own writes so that
// a stale cache never leads to the same deed twice, ownership by controller
// reference, and the making and deleting of pods with their events.
//
// A controller is watch → key → Reconcile(ctx, key). Its decisions are pure
// functions in its plan.go; everything here only carries them out.
package controller
