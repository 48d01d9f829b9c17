package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// apply writes the changes and returns the sets as they are then. What befalls
// the creation of a set is noted in status.
func (c *Controller) apply(ctx context.Context, d *appsv1.Deployment, sets []*appsv1.ReplicaSet, changes []change, status *appsv1.DeploymentStatus) ([]*appsv1.ReplicaSet, error) {
	sets = slices.Clone(sets)
	var errs []error
	for _, ch := range changes {
		index := slices.IndexFunc(sets, func(rs *appsv1.ReplicaSet) bool { return rs.Name == ch.set.Name })
		switch ch.do {
		case create:
			made, err := c.create(ctx, d, ch.set, status)
			if made != nil {
				sets = append(sets, made)
			}
			errs = append(errs, err)
		case update:
			updated, err := c.update(ctx, d, ch)
			if err == nil {
				sets[index] = updated
			}
			errs = append(errs, err)
		case remove:
			errs = append(errs, c.remove(ctx, d, ch.set))
		}
	}
	return sets, errors.Join(errs...)
}

func (c *Controller) update(ctx context.Context, d *appsv1.Deployment, ch change) (*appsv1.ReplicaSet, error) {
	updated, err := c.client.AppsV1().ReplicaSets(d.Namespace).Update(ctx, ch.set, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("updating ReplicaSet %s: %w", controller.Key(ch.set), err)
	}
	c.writes.Wrote(controller.Key(d), updated)
	if ch.resized() {
		c.tellScaling(d, updated.Name, ch.from, size(updated))
	}
	return updated, nil
}

// tellScaling makes the event by which kubectl describe tells a rollout's story.
func (c *Controller) tellScaling(d *appsv1.Deployment, set string, from, to int32) {
	direction := "up"
	if to < from {
		direction = "down"
	}
	c.events.Eventf(d, corev1.EventTypeNormal, "ScalingReplicaSet",
		"Scaled %s replica set %s from %d to %d", direction, set, from, to)
}

func (c *Controller) remove(ctx context.Context, d *appsv1.Deployment, rs *appsv1.ReplicaSet) error {
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &rs.UID, ResourceVersion: &rs.ResourceVersion}}
	err := c.client.AppsV1().ReplicaSets(rs.Namespace).Delete(ctx, rs.Name, options)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		c.writes.Deleted(controller.Key(d), rs)
	}
	return err
}

// create makes the set of a new template. If its name is taken by a set of
// another template or another owner, the hashes have collided: that is counted,
// and the next attempt hashes to another name.
func (c *Controller) create(ctx context.Context, d *appsv1.Deployment, rs *appsv1.ReplicaSet, status *appsv1.DeploymentStatus) (*appsv1.ReplicaSet, error) {
	made, err := c.client.AppsV1().ReplicaSets(d.Namespace).Create(ctx, rs, metav1.CreateOptions{})
	switch {
	case err == nil:
		c.writes.Wrote(controller.Key(d), made)
		if size(made) > 0 {
			c.tellScaling(d, made.Name, 0, size(made))
		}
		c.noteCreation(d, status, corev1.ConditionTrue, newReplicaSetCreated, fmt.Sprintf("Created new replica set %q", made.Name))
		return made, nil
	case apierrors.IsAlreadyExists(err):
		return c.collide(ctx, d, rs, status, err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, err // nobody is left to be told
	}
	message := fmt.Sprintf("Failed to create new replica set %q: %v", rs.Name, err)
	c.noteCreation(d, status, corev1.ConditionFalse, replicaSetCreateError, message)
	c.events.Event(d, corev1.EventTypeWarning, replicaSetCreateError, message)
	return nil, err
}

func (c *Controller) noteCreation(d *appsv1.Deployment, status *appsv1.DeploymentStatus, value corev1.ConditionStatus, reason, message string) {
	if hasDeadline(d) {
		setCondition(status, appsv1.DeploymentProgressing, value, reason, message, c.now())
	}
}

// collide looks at the set that has the name already. It may be ours, made
// before the cache showed it.
func (c *Controller) collide(ctx context.Context, d *appsv1.Deployment, rs *appsv1.ReplicaSet, status *appsv1.DeploymentStatus, taken error) (*appsv1.ReplicaSet, error) {
	there, err := c.client.AppsV1().ReplicaSets(d.Namespace).Get(ctx, rs.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if metav1.IsControlledBy(there, d) && sameTemplate(&d.Spec.Template, &there.Spec.Template) {
		c.writes.Wrote(controller.Key(d), there)
		return there, nil
	}
	status.CollisionCount = ptr.To(ptr.Deref(status.CollisionCount, 0) + 1)
	return nil, taken
}
