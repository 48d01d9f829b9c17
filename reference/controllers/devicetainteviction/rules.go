package devicetainteviction

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// tally counts a pod that was evicted because of the rules.
func (c *Controller) tally(rules []*resourcev1.DeviceTaintRule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rule := range rules {
		c.evicted[rule.UID]++
	}
}

// reconcileRule says in the rule's status how it gets on.
func (c *Controller) reconcileRule(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.ruleWrites.Seen(key) {
		return statusPeriod, nil
	}
	rule, err := c.rules.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	p := c.progress(rule)
	seen := c.sight(rule)
	if rule.Spec.Taint.Effect == resourcev1.DeviceTaintEffectNoExecute && p.pods == 0 {
		if wait := seen.at.Add(statusPeriod).Sub(c.now()); wait > 0 {
			return wait, nil // A scheduler may yet put pods on its devices.
		}
	}
	again := time.Duration(0)
	if p.pods > 0 && rule.Spec.Taint.Effect == resourcev1.DeviceTaintEffectNoExecute {
		again = statusPeriod
	}
	want := condition(rule, p, c.now())
	if want == nil {
		return again, nil
	}
	changed := rule.DeepCopy()
	meta.RemoveStatusCondition(&changed.Status.Conditions, want.Type)
	changed.Status.Conditions = append(changed.Status.Conditions, *want)
	updated, err := c.client.ResourceV1().DeviceTaintRules().UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("updating the status of device taint rule %s: %w", rule.Name, err)
	}
	c.ruleWrites.Wrote(key, updated)
	return again, nil
}

// sight returns since when the rule is known as it is.
func (c *Controller) sight(rule *resourcev1.DeviceTaintRule) sighting {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, known := c.known[rule.UID]
	if !known || seen.generation != rule.Generation {
		seen = sighting{rule.Generation, c.now()}
		c.known[rule.UID] = seen
	}
	return seen
}

// forget drops what is known about a rule that is gone.
func (c *Controller) forget(rule *resourcev1.DeviceTaintRule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, rule.UID)
	delete(c.evicted, rule.UID)
}

// progress counts what the rule does, or would do if it evicted.
func (c *Controller) progress(rule *resourcev1.DeviceTaintRule) progress {
	c.mu.Lock()
	p := progress{evicted: c.evicted[rule.UID]}
	c.mu.Unlock()
	would := taintBy(rule)
	would.Effect = resourcev1.DeviceTaintEffectNoExecute
	devices, pods, spaces := map[device]bool{}, map[types.UID]bool{}, map[string]bool{}
	for _, claim := range c.selected(rule) {
		for _, r := range allocatedBy(claim) {
			if selects(rule, deviceOf(r)) {
				devices[deviceOf(r)] = true
			}
		}
		if !judge([]*resourcev1.ResourceClaim{claim}, func(d device) []taint {
			if selects(rule, d) {
				return []taint{would}
			}
			return nil
		}).leaves {
			continue
		}
		for _, pod := range c.consumers(claim) {
			pods[pod.UID], spaces[pod.Namespace] = true, true
		}
	}
	p.allocated, p.pods, p.namespaces = len(devices), len(pods), len(spaces)
	if rule.Spec.Taint.Effect == resourcev1.DeviceTaintEffectNone {
		p.published = c.published(rule)
	}
	return p
}

// consumers are the pods that the claim is reserved for, as far as they can be evicted.
func (c *Controller) consumers(claim *resourcev1.ResourceClaim) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, r := range controller.ConsumingPods(claim) {
		if pod, err := c.pods.Pods(claim.Namespace).Get(r.Name); err == nil && pod.UID == r.UID && evictable(pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// published counts the devices of all drivers that the rule selects.
func (c *Controller) published(rule *resourcev1.DeviceTaintRule) int {
	devices := map[device]bool{}
	for _, pool := range c.slices.GetIndexer().ListIndexFuncValues(byPool) {
		for _, s := range current(controller.Indexed[*resourcev1.ResourceSlice](c.slices, byPool, pool)) {
			for i := range s.Spec.Devices {
				if d := (device{s.Spec.Driver, s.Spec.Pool.Name, s.Spec.Devices[i].Name}); selects(rule, d) {
					devices[d] = true
				}
			}
		}
	}
	return len(devices)
}
