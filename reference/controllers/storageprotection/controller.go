// Package storageprotection holds back the deletion of volumes, claims and attribute classes that
// are in use: three small controllers, each of one finalizer. Admission puts the finalizers on new
// objects; these controllers put them on older ones, and take them off when nobody needs the object
// any more.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
package storageprotection

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// object is what a controller protects.
type object[T any] interface {
	controller.Object
	DeepCopy() T
}

// Controller keeps the finalizer on objects of one kind for as long as it must.
type Controller[T object[T]] struct {
	finalizer string
	get       func(types.NamespacedName) (T, error)
	update    func(context.Context, T) error
	// inUse tells whether the object, which is about to go, has to stay.
	inUse func(context.Context, T) (bool, error)
	// tell writes down whether the object is used, for whoever wants to know. Nil if nobody does.
	tell func(context.Context, T) (changed bool, err error)

	queue  *controller.Queue
	synced []cache.InformerSynced
}

// Run works until ctx ends.
func (c *Controller[T]) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile puts the finalizer on the object or takes it off.
func (c *Controller[T]) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	obj, err := c.get(key)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if c.tell != nil {
		// What changes the status brings us back with the object as it is then.
		if changed, err := c.tell(ctx, obj); changed || err != nil {
			return 0, err
		}
	}
	finalizers := slices.Clone(obj.GetFinalizers())
	deleted, protected := obj.GetDeletionTimestamp() != nil, slices.Contains(finalizers, c.finalizer)
	switch {
	case deleted && protected:
		if used, err := c.inUse(ctx, obj); used || err != nil {
			return 0, err
		}
		finalizers = slices.DeleteFunc(finalizers, func(f string) bool { return f == c.finalizer })
	case !deleted && !protected:
		finalizers = append(finalizers, c.finalizer)
	default:
		return 0, nil
	}
	obj = obj.DeepCopy()
	obj.SetFinalizers(finalizers)
	if err := c.update(ctx, obj); err != nil && !apierrors.IsNotFound(err) {
		return 0, err
	}
	return 0, nil
}
