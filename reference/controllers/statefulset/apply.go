package statefulset

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// carryOut does what was decided, one kind of thing after the other, and ends
// with the first that fails.
func (c *Controller) carryOut(ctx context.Context, set *appsv1.StatefulSet, d decision, p *past) error {
	for _, pod := range d.finished {
		c.tellEnded(set, pod)
	}
	if err := c.remove(ctx, set, d.finished); err != nil {
		return err
	}
	if err := c.create(ctx, set, d.create, p); err != nil {
		return err
	}
	for _, ordinal := range d.claims {
		if err := c.makeClaims(ctx, set, ordinal); err != nil {
			return err
		}
	}
	for _, pod := range d.repair {
		if err := c.repair(ctx, set, pod); err != nil {
			return err
		}
	}
	for _, pod := range d.retain {
		if err := c.retain(ctx, set, pod); err != nil {
			return err
		}
	}
	return c.remove(ctx, set, d.remove)
}

// create makes pods, each after its claims.
func (c *Controller) create(ctx context.Context, set *appsv1.StatefulSet, births []birth, p *past) error {
	var next atomic.Int64
	_, err := controller.SlowStart(ctx, len(births), func(ctx context.Context) error {
		return c.createOne(ctx, set, births[next.Add(1)-1], p)
	})
	return err
}

func (c *Controller) createOne(ctx context.Context, set *appsv1.StatefulSet, b birth, p *past) error {
	template, err := p.template(b.revision)
	if err != nil {
		return err
	}
	err = c.makeClaims(ctx, set, b.ordinal)
	if err == nil {
		var pod *corev1.Pod
		pod, err = c.client.CoreV1().Pods(set.Namespace).Create(ctx, newPod(set, template, b.revision, b.ordinal), metav1.CreateOptions{})
		if err == nil {
			c.podWrites.Wrote(controller.Key(set), pod)
		}
	}
	// Whose it is that has the name will show; it is not a failure to speak of.
	if !apierrors.IsAlreadyExists(err) {
		c.tell(set, "create", podName(set, b.ordinal), err)
	}
	return err
}

// makeClaims makes those claims of the ordinal that are missing, all at once. One
// that is there is used, whoever has made it, unless it is about to go.
func (c *Controller) makeClaims(ctx context.Context, set *appsv1.StatefulSet, ordinal int) error {
	claims := newClaims(set, ordinal)
	return errors.Join(controller.Together(len(claims), func(i int) error {
		claim := claims[i]
		there, err := c.claims.PersistentVolumeClaims(set.Namespace).Get(claim.Name)
		switch {
		case err == nil && there.DeletionTimestamp != nil:
			return fmt.Errorf("pvc %s is being deleted", claim.Name)
		case err == nil:
			return nil
		}
		made, err := c.client.CoreV1().PersistentVolumeClaims(set.Namespace).Create(ctx, claim, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return err // the cache will show what is there
		}
		c.tellClaim(set, claim.Name, podName(set, ordinal), err)
		if err == nil {
			c.claimWrites.Wrote(controller.Key(set), made)
		}
		return err
	})...)
}

// repair gives the pod back the labels of its identity.
func (c *Controller) repair(ctx context.Context, set *appsv1.StatefulSet, pod *corev1.Pod) error {
	ordinal, _ := ordinalOf(set, pod.Name)
	pod = pod.DeepCopy()
	identify(pod, ordinal)
	updated, err := c.client.CoreV1().Pods(set.Namespace).Update(ctx, pod, metav1.UpdateOptions{})
	if err == nil {
		c.podWrites.Wrote(controller.Key(set), updated)
	}
	if !apierrors.IsConflict(err) {
		c.tell(set, "update", pod.Name, err)
	}
	return err
}

// retain makes the owners of the pod's claims what the retention policy says.
func (c *Controller) retain(ctx context.Context, set *appsv1.StatefulSet, pod *corev1.Pod) error {
	ordinal, _ := ordinalOf(set, pod.Name)
	for _, name := range claimNames(set, ordinal) {
		claim, err := c.claims.PersistentVolumeClaims(set.Namespace).Get(name)
		if err != nil || claim.DeletionTimestamp != nil {
			continue // a lister reads memory: there is none
		}
		refs, differ := ownersOf(claim, set, pod, ordinal)
		if !differ {
			continue
		}
		claim = claim.DeepCopy()
		claim.OwnerReferences = refs
		updated, err := c.client.CoreV1().PersistentVolumeClaims(set.Namespace).Update(ctx, claim, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("updating the owners of PersistentVolumeClaim %s/%s: %w", set.Namespace, name, err)
		}
		if err == nil {
			c.claimWrites.Wrote(controller.Key(set), updated)
		}
	}
	return nil
}

// remove deletes the pods, all at once.
func (c *Controller) remove(ctx context.Context, set *appsv1.StatefulSet, pods []*corev1.Pod) error {
	return errors.Join(controller.Together(len(pods), func(i int) error {
		pod := pods[i]
		options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
		err := c.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			c.podWrites.Deleted(controller.Key(set), pod)
		}
		c.tell(set, "delete", pod.Name, err)
		return err
	})...)
}
