package daemonset

import (
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// gather is how long news of a pod may wait for more, for each node of its set,
// and at most: a set of thousands of nodes hears of a pod every moment, and every
// look at it takes a while.
const (
	gather     = 200 * time.Microsecond
	gatherMost = time.Second
)

// nodeChanged queues the sets for which the node's change makes a difference.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	if before != nil && now != nil && maps.Equal(before.Labels, now.Labels) &&
		equality.Semantic.DeepEqual(before.Spec.Taints, now.Spec.Taints) {
		return
	}
	sets, err := c.sets.List(labels.Everything())
	if err != nil {
		return
	}
	for _, set := range sets {
		eligible := newEligibility(&set.Spec.Template)
		judge := func(node *corev1.Node) verdict {
			if node == nil {
				return verdict{}
			}
			return eligible.of(node)
		}
		if judge(before) != judge(now) {
			c.queue.Add(controller.Key(set))
		}
	}
}

// podChanged queues the sets that have to do with the pod: its controller, now
// and before, and for an orphan every set that could adopt it.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	for _, pod := range []*corev1.Pod{before, now} {
		if pod == nil {
			continue
		}
		key, ok := controller.ControllerKey(pod, kind.GroupKind())
		switch {
		case !ok:
		case before != nil && now != nil:
			c.queue.AddAfter(key, c.patience(key))
		default:
			c.queue.Add(key)
		}
	}
	if now != nil {
		c.orphan(now)
	}
}

// patience is how long a look at the set may wait for more to look at.
func (c *Controller) patience(key types.NamespacedName) time.Duration {
	set, err := c.sets.DaemonSets(key.Namespace).Get(key.Name)
	if err != nil {
		return 0
	}
	return min(time.Duration(set.Status.DesiredNumberScheduled)*gather, gatherMost)
}

// revisionChanged queues the sets that have to do with the revision.
func (c *Controller) revisionChanged(before, now *appsv1.ControllerRevision) {
	for _, revision := range []*appsv1.ControllerRevision{before, now} {
		if revision == nil {
			continue
		}
		if key, ok := controller.ControllerKey(revision, kind.GroupKind()); ok {
			c.queue.Add(key)
		}
	}
	if now != nil {
		c.orphan(now)
	}
}

// orphan queues the sets that would adopt the object if it has no controller.
func (c *Controller) orphan(object metav1.Object) {
	if metav1.GetControllerOfNoCopy(object) != nil || object.GetDeletionTimestamp() != nil || len(object.GetLabels()) == 0 {
		return
	}
	sets, err := c.sets.DaemonSets(object.GetNamespace()).List(labels.Everything())
	if err != nil {
		return
	}
	for _, set := range slices.DeleteFunc(sets, func(set *appsv1.DaemonSet) bool {
		selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
		return err != nil || selector.Empty() || !selector.Matches(labels.Set(object.GetLabels()))
	}) {
		c.queue.Add(controller.Key(set))
	}
}
