package resourcequota

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// quotaChanged looks at once at a quota that is new or limits something else, and a while later at one
// that was charged, by which time what it was charged for is known, if it came to be.
func (c *Controller) quotaChanged(before, now *corev1.ResourceQuota) {
	key := controller.Key(controller.Either(before, now))
	if before == nil || now == nil || !equality.Semantic.DeepEqual(before.Spec, now.Spec) || !quota.Equals(now.Spec.Hard, now.Status.Hard) {
		c.queue.Add(key)
		return
	}
	c.queue.AddAfter(key, recheck)
}

// objectChanged looks at the quotas that count the object: at once if it is gone or uses something
// else than before. A new object admission has charged; that is checked later.
func (c *Controller) objectChanged(gvr schema.GroupVersionResource, before, now metav1.Object) {
	e := c.registry.Get(gvr.GroupResource())
	either := now
	if now == nil {
		either = before
	}
	quotas, err := c.quotas.ResourceQuotas(either.GetNamespace()).List(labels.Everything())
	if e == nil || err != nil {
		return // nobody counts it
	}
	for _, q := range quotas {
		if len(e.MatchingResources(quota.ResourceNames(q.Spec.Hard))) == 0 {
			continue
		}
		switch {
		case before == nil:
			c.queue.AddAfter(controller.Key(q), recheck)
		case now == nil || !quota.Equals(uses(q, e, before), uses(q, e, now)):
			c.queue.Add(controller.Key(q))
		case now.GetDeletionTimestamp() != nil:
			c.queue.AddAfter(controller.Key(q), c.overdue(now))
		}
	}
}

// uses is what the object uses of the quota: nothing, if one of its scopes does not select it.
func uses(q *corev1.ResourceQuota, e quota.Evaluator, obj metav1.Object) corev1.ResourceList {
	o, ok := obj.(runtime.Object)
	if !ok {
		return nil
	}
	var scopes []corev1.ScopedResourceSelectorRequirement
	for _, scope := range q.Spec.Scopes {
		scopes = append(scopes, corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists})
	}
	if q.Spec.ScopeSelector != nil {
		scopes = append(scopes, q.Spec.ScopeSelector.MatchExpressions...)
	}
	if matching, err := e.MatchingScopes(o, scopes); err != nil || len(matching) < len(scopes) {
		return nil
	}
	used, err := e.Usage(o)
	if err != nil {
		return nil
	}
	return used
}

// overdue is how long it takes until the deleted object should be gone. A pod that is not gone by
// then is counted no more, and no event tells of that.
func (c *Controller) overdue(obj metav1.Object) time.Duration {
	var grace time.Duration
	if s := obj.GetDeletionGracePeriodSeconds(); s != nil {
		grace = time.Duration(*s) * time.Second
	}
	return max(0, obj.GetDeletionTimestamp().Add(grace+time.Second).Sub(c.now()))
}
