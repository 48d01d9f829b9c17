package devicetainteviction

import (
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	byDevice = "resource-claims-by-device"  // by what may identify the devices that are allocated to them
	byPool   = "resource-slices-by-pool"    // by driver and pool
	byTaint  = "resource-slices-by-tainted" // by the devices with a NoExecute taint
)

// Keys of byDevice. No part of a name has a NUL in it.
func (d device) key() string { return d.driver + "\x00" + d.pool + "\x00" + d.name }

func driverKey(name string) string { return "driver\x00" + name }
func poolKey(name string) string   { return "pool\x00" + name }
func nameKey(name string) string   { return "device\x00" + name }

var claimIndexes = cache.Indexers{
	byDevice: controller.IndexBy(func(claim *resourcev1.ResourceClaim) []string {
		var keys []string
		for _, r := range allocatedBy(claim) {
			keys = append(keys, deviceOf(r).key(), driverKey(r.Driver), poolKey(r.Pool), nameKey(r.Device))
		}
		return keys
	}),
}

var sliceIndexes = cache.Indexers{
	byPool: controller.IndexBy(func(s *resourcev1.ResourceSlice) []string { return []string{poolOf(s).key()} }),
	byTaint: controller.IndexBy(func(s *resourcev1.ResourceSlice) []string {
		var keys []string
		for _, d := range evicting(s) {
			keys = append(keys, d.key())
		}
		return keys
	}),
}

// poolOf is the slice's pool, as a device without a name.
func poolOf(s *resourcev1.ResourceSlice) device {
	return device{driver: s.Spec.Driver, pool: s.Spec.Pool.Name}
}

// evicting are the devices of the slice that have a NoExecute taint.
func evicting(s *resourcev1.ResourceSlice) []device {
	var devices []device
	for i := range s.Spec.Devices {
		for _, t := range s.Spec.Devices[i].Taints {
			if t.Effect == resourcev1.DeviceTaintEffectNoExecute {
				devices = append(devices, device{s.Spec.Driver, s.Spec.Pool.Name, s.Spec.Devices[i].Name})
				break
			}
		}
	}
	return devices
}

// podChanged looks at a pod that comes to its node, or goes.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	pod := controller.Either(before, now)
	if len(pod.Spec.ResourceClaims) == 0 && pod.Status.ExtendedResourceClaimStatus == nil ||
		before != nil && now != nil && before.UID == now.UID && evictable(before) == evictable(now) {
		return
	}
	c.queue.Add(controller.Key(pod))
}

// claimChanged looks at the pods that the claim is, or was, reserved for.
func (c *Controller) claimChanged(before, now *resourcev1.ResourceClaim) {
	if before != nil && now != nil && equality.Semantic.DeepEqual(before.Status, now.Status) {
		return
	}
	for _, claim := range []*resourcev1.ResourceClaim{before, now} {
		if claim != nil {
			c.addConsumers(claim)
		}
	}
}

func (c *Controller) addConsumers(claim *resourcev1.ResourceClaim) {
	for _, r := range controller.ConsumingPods(claim) {
		c.queue.Add(types.NamespacedName{Namespace: claim.Namespace, Name: r.Name})
	}
}

// sliceChanged looks at the pods that use a device which is tainted, or was. Where the generation changes, all slices of
// the pool count, or no longer do.
func (c *Controller) sliceChanged(before, now *resourcev1.ResourceSlice) {
	if before != nil && now != nil && equality.Semantic.DeepEqual(before.Spec, now.Spec) {
		return
	}
	touched := controller.Indexed[*resourcev1.ResourceSlice](c.slices, byPool, poolOf(controller.Either(before, now)).key())
	if before != nil {
		touched = append(touched, before)
	}
	for _, s := range touched {
		for _, d := range evicting(s) {
			for _, claim := range c.claimsBy(d.key()) {
				c.addConsumers(claim)
			}
		}
	}
}

// ruleChanged looks at the rule, and at the pods that use a device which it selects.
func (c *Controller) ruleChanged(before, now *resourcev1.DeviceTaintRule) {
	rule := controller.Either(before, now)
	if before != nil && now != nil && before.UID == now.UID && equality.Semantic.DeepEqual(before.Spec, now.Spec) {
		return
	}
	if before != nil && (now == nil || now.UID != before.UID) {
		c.forget(before)
	}
	c.queue.Add(types.NamespacedName{Name: rule.Name})
	for _, claim := range c.selected(rule) {
		c.addConsumers(claim)
	}
}

// selected are the claims that a device is allocated to which the rule selects, and maybe others.
func (c *Controller) selected(rule *resourcev1.DeviceTaintRule) []*resourcev1.ResourceClaim {
	s := rule.Spec.DeviceSelector
	switch {
	case s == nil:
		return nil
	case s.Device != nil:
		return c.claimsBy(nameKey(*s.Device))
	case s.Pool != nil:
		return c.claimsBy(poolKey(*s.Pool))
	case s.Driver != nil:
		return c.claimsBy(driverKey(*s.Driver))
	}
	var all []*resourcev1.ResourceClaim
	for _, item := range c.claims.GetStore().List() {
		if claim, ok := item.(*resourcev1.ResourceClaim); ok {
			all = append(all, claim)
		}
	}
	return all
}

func (c *Controller) claimsBy(key string) []*resourcev1.ResourceClaim {
	return controller.Indexed[*resourcev1.ResourceClaim](c.claims, byDevice, key)
}
