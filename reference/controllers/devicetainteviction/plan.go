package devicetainteviction

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/eviction"
)

// device is what identifies one.
type device struct{ driver, pool, name string }

// taint is one that a device has.
type taint struct {
	resourcev1.DeviceTaint
	// since is when it came.
	since time.Time
	// rule is what put it there, nil if the driver did.
	rule *resourcev1.DeviceTaintRule
}

// verdict is what becomes of a pod.
type verdict struct {
	// leaves says whether it has to go, and at when.
	leaves bool
	at     time.Time
	// rules are those that it has to go because of, sooner or later.
	rules []*resourcev1.DeviceTaintRule
}

// judge decides about a pod that uses the claims: each taint of each of its devices counts by itself, and the first time
// that is up is up.
func judge(claims []*resourcev1.ResourceClaim, taints func(device) []taint) verdict {
	var v verdict
	for _, claim := range claims {
		for _, allocated := range allocatedBy(claim) {
			for _, t := range taints(deviceOf(allocated)) {
				at, leaves := deadline(allocated.Tolerations, t)
				if !leaves {
					continue
				}
				if !v.leaves || at.Before(v.at) {
					v.leaves, v.at = true, at
				}
				if t.rule != nil && !slices.Contains(v.rules, t.rule) {
					v.rules = append(v.rules, t.rule)
				}
			}
		}
	}
	return v
}

// deadline is until when the taint is tolerated; ok is false if it has no effect on pods, or is tolerated for ever.
func deadline(tolerations []resourcev1.DeviceToleration, t taint) (at time.Time, ok bool) {
	if t.Effect != resourcev1.DeviceTaintEffectNoExecute {
		return time.Time{}, false
	}
	tolerated, limited, seconds := eviction.Tolerance(tolerations,
		func(by *resourcev1.DeviceToleration) bool { return tolerates(by, &t.DeviceTaint) },
		func(by *resourcev1.DeviceToleration) *int64 { return by.TolerationSeconds })
	if tolerated && !limited {
		return time.Time{}, false
	}
	return t.since.Add(time.Duration(seconds) * time.Second), true
}

// tolerates says whether the toleration matches the taint. An empty effect matches all, and so does an empty key with
// the operator Exists.
func tolerates(by *resourcev1.DeviceToleration, t *resourcev1.DeviceTaint) bool {
	if by.Effect != "" && by.Effect != t.Effect || by.Key != "" && by.Key != t.Key {
		return false
	}
	switch by.Operator {
	case resourcev1.DeviceTolerationOpExists:
		return true
	case "", resourcev1.DeviceTolerationOpEqual:
		return by.Value == t.Value
	}
	return false
}

// selects says whether the rule is for the device. Without a selector it is for none.
func selects(rule *resourcev1.DeviceTaintRule, d device) bool {
	s := rule.Spec.DeviceSelector
	matches := func(want *string, have string) bool { return want == nil || *want == have }
	return s != nil && matches(s.Driver, d.driver) && matches(s.Pool, d.pool) && matches(s.Device, d.name)
}

// taintBy is the taint that the rule puts on devices.
func taintBy(rule *resourcev1.DeviceTaintRule) taint {
	t := taint{DeviceTaint: rule.Spec.Taint, since: rule.CreationTimestamp.Time, rule: rule}
	if rule.Spec.Taint.TimeAdded != nil {
		t.since = rule.Spec.Taint.TimeAdded.Time
	}
	return t
}

// current are those of a pool's slices that count: the driver replaces all of them by a new generation, one by one.
func current(slices []*resourcev1.ResourceSlice) []*resourcev1.ResourceSlice {
	var newest []*resourcev1.ResourceSlice
	for _, s := range slices {
		switch {
		case len(newest) == 0 || s.Spec.Pool.Generation > newest[0].Spec.Pool.Generation:
			newest = []*resourcev1.ResourceSlice{s}
		case s.Spec.Pool.Generation == newest[0].Spec.Pool.Generation:
			newest = append(newest, s)
		}
	}
	return newest
}

// evictable says whether there is a pod on a node which would go if it were deleted.
func evictable(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" && controller.IsActive(pod)
}

func allocatedBy(claim *resourcev1.ResourceClaim) []resourcev1.DeviceRequestAllocationResult {
	if claim.Status.Allocation == nil {
		return nil
	}
	return claim.Status.Allocation.Devices.Results
}

func deviceOf(r resourcev1.DeviceRequestAllocationResult) device {
	return device{r.Driver, r.Pool, r.Device}
}
