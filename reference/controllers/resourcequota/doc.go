// Package resourcequota keeps the status of ResourceQuotas: what is allowed and what is used.
//
// Admission adds to the use when an object is created; this controller counts from scratch when a
// quota comes or changes, when what is counted goes or uses less, and from time to time, for then
// admission's number may be too high: an object was charged for that was never stored.
//
// Only what some quota limits is watched: a cluster without quotas pays nothing. Custom resources
// need no preparation; a quota may name them before they exist.
//
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
package resourcequota
