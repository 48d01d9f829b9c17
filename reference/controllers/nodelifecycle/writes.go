package nodelifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// silence makes the conditions of a silent node Unknown.
func (c *Controller) silence(ctx context.Context, node *corev1.Node) (*corev1.Node, error) {
	conditions, changed := silenced(node, c.now())
	if !changed {
		return node, nil
	}
	node = node.DeepCopy()
	node.Status.Conditions = conditions
	updated, err := c.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("updating the status of silent node %s: %w", node.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zones.set(updated) // before the informer does: it may have been the last one of its zone
	return updated, nil
}

// markNotReady makes the Ready condition of the node's pods false. Their kubelet
// will say otherwise if it comes back.
func (c *Controller) markNotReady(ctx context.Context, node string) error {
	var errs []error
	for _, pod := range c.onNode(node) {
		ready := controller.PodCondition(pod, corev1.PodReady)
		if ready == nil || ready.Status != corev1.ConditionTrue {
			continue
		}
		marked := pod.DeepCopy()
		change := *ready
		change.Status = corev1.ConditionFalse
		change.LastTransitionTime = metav1.NewTime(c.now())
		controller.SetPodCondition(marked, change)
		_, err := c.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, marked, metav1.UpdateOptions{})
		if err == nil {
			c.events.Event(pod, corev1.EventTypeWarning, "NodeNotReady", "Node is not ready")
		} else if !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// taint gives the node the taints that follow from its conditions. Those that
// evict are given at the zone's pace; if it is not the node's turn yet, the
// result says when to try again.
func (c *Controller) taint(ctx context.Context, node *corev1.Node) (time.Duration, error) {
	evict, wait := c.eviction(node)
	want := taints(node, noSchedule(node), evict, c.now())
	if sameTaints(want, node.Spec.Taints) {
		return wait, nil
	}
	// The list is replaced as a whole, so it must be the one that was read.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": node.ResourceVersion},
		"spec":     map[string]any{"taints": want},
	})
	if err != nil {
		return 0, err
	}
	_, err = c.client.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		if evict != "" && !evicting(node) {
			c.giveBack(zone(node))
		}
		return 0, fmt.Errorf("tainting node %s: %w", node.Name, err)
	}
	return wait, nil
}

// evicting reports whether the node has one of the two evicting taints already;
// to exchange one for the other is not to evict another node.
func evicting(node *corev1.Node) bool {
	return has(node.Spec.Taints, corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute) ||
		has(node.Spec.Taints, corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)
}

// eviction returns the key of the NoExecute taint to give the node now; none, and
// when to ask again, if its zone's turn has not come.
func (c *Controller) eviction(node *corev1.Node) (evict string, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	evict = noExecute(node)
	switch {
	case evict == "", evicting(node) && !c.zones.allDown():
		return evict, 0
	case c.zones.allDown():
		return "", 0 // a change of that is told to every node
	}
	// Nodes that fail for the same reason do not fail in the same moment: a first
	// one is not evicted before it is known what becomes of the others.
	if h := c.health[node.Name]; h != nil {
		if wait = h.sick.Add(c.options.Period).Sub(c.now()); wait > 0 {
			return "", wait
		}
	}
	if wait = c.pace.turn(zone(node), c.zones.rate(zone(node)), c.now()); wait > 0 {
		return "", wait
	}
	return evict, 0
}

func (c *Controller) giveBack(zone string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.giveBack(zone)
}

// label gives the node the labels that it should have besides.
func (c *Controller) label(ctx context.Context, node *corev1.Node) error {
	missing := missingAliases(node)
	if len(missing) == 0 {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": missing}})
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("labelling node %s: %w", node.Name, err)
	}
	return nil
}
