// Package disruption keeps the status of PodDisruptionBudgets: how many pods there
// should be, how many of them have to be healthy, how many are, and so how many may
// be disrupted on purpose right now. The eviction subresource of the API server
// lets a pod go only by taking one from that number.
//
// The number is taken from in the status itself, with the pod noted as disrupted,
// and every write here names the version that it was computed from; so an eviction
// that comes between makes the write fail, and none is ever given back that has not
// been seen to take place. A pod that was let go and is still there after two
// minutes counts again.
//
// Where the budget is a share, or says how many may be missing, what there should
// be is the sum of the scales of all that control the pods, custom resources with
// a scale subresource included. If that cannot be told, nothing may be disrupted.
//
// It also puts right pods that say they are about to be disrupted, and never were.
//
// Documentation: tasks/run-application/configure-pdb,
// concepts/workloads/pods/disruptions.
package disruption
