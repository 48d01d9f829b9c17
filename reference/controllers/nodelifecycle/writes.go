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
	"k8s.io/apimachinery/pkg/labels"
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
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	zones := survey(nodes)
	evict, wait := noExecute(node), time.Duration(0)
	switch {
	case evict == "":
	case zones.allDown():
		evict = ""
	case !has(node.Spec.Taints, evict, corev1.TaintEffectNoExecute) && !evicting(node):
		if wait = c.turn(zone(node), zones.rate(zone(node))); wait > 0 {
			evict = ""
		}
	}
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
		c.giveBack(zone(node))
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

func (c *Controller) turn(zone string, rate float64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pace.turn(zone, rate, c.now())
}

func (c *Controller) giveBack(zone string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.giveBack(zone)
}
