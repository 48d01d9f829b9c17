// Package devicetainteviction deletes pods whose devices have a NoExecute taint: at once if the ResourceClaim that the
// device is allocated to does not tolerate it, and if it does so for a time, once that has passed since the taint came.
// A driver puts taints on devices in ResourceSlices, an administrator by DeviceTaintRules. The status of a rule says
// how the evictions that it causes get on; that of one without effect says, once, what it would do.
//
// Keys are pods, and DeviceTaintRules, which have no namespace.
//
// Documentation: concepts/resource-management/dynamic-resource-allocation/device-taints.
package devicetainteviction
