package horizontalpodautoscaler

import (
	"errors"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// choosePods returns the target's pods, by the selector in its scale. Pods of more than one autoscaler are of none:
// whatever one did, the other would answer.
func (c *Controller) choosePods(hpa *autoscalingv2.HorizontalPodAutoscaler, text string, r report) (labels.Selector, []*corev1.Pod, error) {
	refuse := func(event, reason, message, shown string) error {
		c.events.Event(hpa, corev1.EventTypeWarning, event, message)
		r.set(autoscalingv2.ScalingActive, false, reason, shown)
		return specError{errors.New(message)}
	}
	key := controller.Key(hpa)
	if text == "" {
		c.selectors.forget(key)
		return nil, nil, refuse("SelectorRequired", "InvalidSelector", "selector is required", "the HPA target's scale is missing a selector")
	}
	selector, err := labels.Parse(text)
	if err != nil {
		c.selectors.forget(key)
		message := fmt.Sprintf("couldn't convert selector into a corresponding internal selector object: %v", err)
		return nil, nil, refuse("InvalidSelector", "InvalidSelector", message, message)
	}
	c.selectors.put(key, selector)
	pods, err := c.pods.Pods(hpa.Namespace).List(selector)
	if err != nil {
		return nil, nil, err
	}
	if others := c.selectors.selecting(hpa.Namespace, pods); len(others) > 1 {
		message := ambiguous(text, hpa.Namespace, others)
		return nil, nil, refuse("AmbiguousSelector", "AmbiguousSelector", message, message)
	}
	return selector, pods, nil
}
