package daemonset

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/revisions"
)

// past is the history of a set's template.
type past struct {
	owner      revisions.Owner
	hash       string // of the current revision
	old        []*appsv1.ControllerRevision
	collisions *int32
	limit      *int32
}

// remember reads the set's history and makes its present template the newest
// revision.
func (c *Controller) remember(ctx context.Context, set *appsv1.DaemonSet, selector labels.Selector) (past, error) {
	p := past{
		owner: revisions.Owner{
			Object: set, Kind: kind, Selector: selector, Template: &set.Spec.Template, HashLabel: revisions.PodLabel,
		},
		limit: set.Spec.RevisionHistoryLimit,
	}
	claimed, err := c.history.Claim(ctx, p.owner, c.live(set))
	if err != nil {
		return p, err
	}
	current, all, collisions, err := c.history.Current(ctx, p.owner, claimed, set.Status.CollisionCount)
	if err != nil {
		return p, err
	}
	p.hash, p.collisions = hashOf(current), collisions
	for _, revision := range all {
		if revision.Name != current.Name {
			p.old = append(p.old, revision)
		}
	}
	return p, nil
}

// hashOf is the value of the label that the revision's pods have. A revision made
// by someone else may lack it; its name serves then.
func hashOf(revision *appsv1.ControllerRevision) string {
	if hash := revision.Labels[revisions.PodLabel]; hash != "" {
		return hash
	}
	return revision.Name
}

// forget deletes the oldest of the old revisions beyond the set's limit, but none
// that a pod is still of.
func (c *Controller) forget(ctx context.Context, p past, pods []*corev1.Pod) error {
	live := map[string]bool{}
	for _, pod := range pods {
		live[pod.Labels[revisions.PodLabel]] = true
	}
	inUse := func(revision *appsv1.ControllerRevision) bool { return live[hashOf(revision)] }
	// Those that pods are of take up room in the history too.
	limit := p.limit
	if limit != nil && *limit >= 0 {
		room := *limit
		for _, revision := range p.old {
			if inUse(revision) && room > 0 {
				room--
			}
		}
		limit = ptr.To(room)
	}
	return c.history.Truncate(ctx, p.owner, p.old, limit, inUse)
}
