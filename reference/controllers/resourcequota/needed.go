package resourcequota

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
)

// needed returns the resources whose objects the quota counts; unknown says that it names one that
// is not served.
func (c *Controller) needed(ctx context.Context, q *corev1.ResourceQuota) (needed []schema.GroupVersionResource, unknown bool, err error) {
	for _, gr := range limited(q, c.config) {
		gvr, ok, err := c.catalog.find(ctx, gr)
		if err != nil {
			return nil, false, err
		}
		if ok {
			needed = append(needed, gvr)
		}
		unknown = unknown || !ok
	}
	return needed, unknown, nil
}

// limited returns the resources that the quota limits, served or not: those of the evaluators that
// measure one of its names, and those that it counts as count/<resource>.<group>.
func limited(q *corev1.ResourceQuota, config quota.Configuration) (all []schema.GroupResource) {
	names := quota.ResourceNames(q.Spec.Hard)
	known := map[schema.GroupResource]bool{}
	for _, e := range config.Evaluators() {
		known[e.GroupResource()] = true
		if len(e.MatchingResources(names)) > 0 {
			all = append(all, e.GroupResource())
		}
	}
	for _, name := range names {
		counted, ok := strings.CutPrefix(string(name), "count/")
		gr := schema.ParseGroupResource(counted)
		_, ignored := config.IgnoredResources()[gr]
		if ok && !known[gr] && !ignored {
			all = append(all, gr)
		}
	}
	return all
}
