package daemonset

import (
	"context"
	"errors"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// apply makes and removes the pods.
func (c *Controller) apply(ctx context.Context, v *view, d decision) error {
	createErr := c.create(ctx, v, d.create)
	errs := controller.Together(len(d.remove), func(i int) error { return c.remove(ctx, v, d.remove[i]) })
	return errors.Join(append(errs, createErr)...)
}

func (c *Controller) create(ctx context.Context, v *view, nodes []string) error {
	key, ref := controller.Key(v.set), metav1.NewControllerRef(v.set, kind)
	var taken atomic.Int64
	_, err := controller.SlowStart(ctx, len(nodes), func(ctx context.Context) error {
		node := nodes[taken.Add(1)-1]
		pod, err := c.make.Create(ctx, v.set, ref, v.set.Namespace, templateFor(v.set, v.hash, node))
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil // no pod can ever be made there again
		}
		if err == nil {
			c.writes.Wrote(key, pod)
		}
		return err
	})
	return err
}

// remove deletes the pod. That one has ended by itself is told, since nothing
// else will be left of it.
func (c *Controller) remove(ctx context.Context, v *view, r removal) error {
	key := controller.Key(v.set)
	switch r.ended {
	case corev1.PodFailed:
		c.backoff.removed(key, r.node, v.now)
		c.events.Eventf(v.set, corev1.EventTypeWarning, "FailedDaemonPod",
			"Found failed daemon pod %s/%s on node %s, will try to kill it", r.pod.Namespace, r.pod.Name, r.node)
	case corev1.PodSucceeded:
		c.events.Eventf(v.set, corev1.EventTypeNormal, "SucceededDaemonPod",
			"Found succeeded daemon pod %s/%s on node %s, will try to delete it", r.pod.Namespace, r.pod.Name, r.node)
	}
	err := c.make.Delete(ctx, v.set, r.pod)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		c.writes.Deleted(key, r.pod)
	}
	return err
}
