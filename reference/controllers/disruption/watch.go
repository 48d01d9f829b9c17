package disruption

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// podChanged queues the budgets that the pod counts in, now and before, if the
// change is one that counts.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	if now != nil {
		if _, ok := staleIn(now, c.now()); ok {
			c.stale.Add(controller.Key(now))
		}
	}
	if before != nil && now != nil && !counts(before, now) {
		return
	}
	if before != nil && (now == nil || !equality.Semantic.DeepEqual(before.Labels, now.Labels)) {
		c.queueBudgetsOf(before.Namespace, before.Labels)
	}
	if now != nil {
		c.queueBudgetsOf(now.Namespace, now.Labels)
	}
}

// counts reports whether a budget may come out otherwise after the change.
func counts(before, now *corev1.Pod) bool {
	return before.UID != now.UID ||
		controller.IsReady(before) != controller.IsReady(now) ||
		(before.DeletionTimestamp == nil) != (now.DeletionTimestamp == nil) ||
		!equality.Semantic.DeepEqual(before.Labels, now.Labels) ||
		!equality.Semantic.DeepEqual(metav1.GetControllerOfNoCopy(before), metav1.GetControllerOfNoCopy(now))
}

// queueBudgetsOf queues the budgets that select such pods.
func (c *Controller) queueBudgetsOf(namespace string, pod map[string]string) {
	budgets, err := c.budgets.PodDisruptionBudgets(namespace).List(labels.Everything())
	if err != nil {
		return
	}
	for _, b := range budgets {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(pod)) {
			c.queue.Add(controller.Key(b))
		}
	}
}

// watchOwners queues the budgets over the pods of what is scaled: that there
// should be more is known before there are more.
func (c *Controller) watchOwners(shared informers.SharedInformerFactory) []cache.InformerSynced {
	return []cache.InformerSynced{
		watchScale(c, shared.Apps().V1().ReplicaSets().Informer(), func(rs *appsv1.ReplicaSet) (*int32, map[string]string) {
			return rs.Spec.Replicas, rs.Spec.Template.Labels
		}),
		watchScale(c, shared.Apps().V1().Deployments().Informer(), func(d *appsv1.Deployment) (*int32, map[string]string) {
			return d.Spec.Replicas, d.Spec.Template.Labels
		}),
		watchScale(c, shared.Apps().V1().StatefulSets().Informer(), func(s *appsv1.StatefulSet) (*int32, map[string]string) {
			return s.Spec.Replicas, s.Spec.Template.Labels
		}),
		watchScale(c, shared.Core().V1().ReplicationControllers().Informer(), func(rc *corev1.ReplicationController) (*int32, map[string]string) {
			if rc.Spec.Template == nil {
				return rc.Spec.Replicas, nil
			}
			return rc.Spec.Replicas, rc.Spec.Template.Labels
		}),
	}
}

func watchScale[T controller.Object](c *Controller, informer cache.SharedIndexInformer, scale func(T) (*int32, map[string]string)) cache.InformerSynced {
	var none T
	return controller.Watch(informer, func(before, now T) {
		replicas, pods := scale(controller.Either(before, now))
		if before != none && now != none {
			if old, _ := scale(before); ptr.Equal(old, replicas) {
				return
			}
		}
		c.queueBudgetsOf(controller.Either(before, now).GetNamespace(), pods)
	})
}
