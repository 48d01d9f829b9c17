package priority

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/scheduling/v1"
	"k8s.io/utils/ptr"
)

// SystemClasses are the classes that every cluster has; the API server creates them at start.
// Their values lie above every value that users may choose (up to one billion).
func SystemClasses() []*schedulingv1.PriorityClass {
	class := func(name string, value int32, description string) *schedulingv1.PriorityClass {
		return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 1}, Value: value,
			Description: description, PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority)}
	}
	return []*schedulingv1.PriorityClass{
		class("system-node-critical", 2000001000, "Used for system critical pods that must not be moved from their current node."),
		class("system-cluster-critical", 2000000000, "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
	}
}

// classes finds PriorityClasses: in the informer, and for a class just made in the API.
type classes struct {
	lister listers.PriorityClassLister
	client kubernetes.Interface
}

// get returns nil without an error for a class that does not exist.
func (c classes) get(ctx context.Context, name string) (*schedulingv1.PriorityClass, error) {
	if pc, err := c.lister.Get(name); err == nil {
		return pc, nil
	}
	for _, pc := range SystemClasses() {
		if pc.Name == name {
			return pc, nil
		}
	}
	pc, err := c.client.SchedulingV1().PriorityClasses().Get(ctx, name, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		return nil, nil
	}
	return pc, err
}

// globalDefault is the class of pods that name none, or nil. Should there be several, the
// lowest counts, so that a mistake raises nobody.
func (c classes) globalDefault() (*schedulingv1.PriorityClass, error) {
	all, err := c.lister.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var lowest *schedulingv1.PriorityClass
	for _, pc := range all {
		if pc.GlobalDefault && (lowest == nil || pc.Value < lowest.Value) {
			lowest = pc
		}
	}
	return lowest, nil
}
