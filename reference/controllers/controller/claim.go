package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Claim is what an owner does about an object in its namespace.
type Claim int

const (
	// Ignore leaves the object alone: another controller's, or none of its business.
	Ignore Claim = iota
	// Keep counts the object among the owner's.
	Keep
	// Adopt makes the owner the controller of an orphan that its selector matches.
	Adopt
	// Release lets go of an object that the selector no longer matches.
	Release
)

// ClaimOn decides what owner does about obj. An owner that is being deleted
// neither adopts nor releases; an orphan that is being deleted is not adopted.
func ClaimOn(owner metav1.Object, selector labels.Selector, obj metav1.Object) Claim {
	matches := selector.Matches(labels.Set(obj.GetLabels()))
	if ref := metav1.GetControllerOfNoCopy(obj); ref != nil {
		switch {
		case ref.UID != owner.GetUID():
			return Ignore
		case matches:
			return Keep
		case owner.GetDeletionTimestamp() != nil:
			return Ignore
		}
		return Release
	}
	if !matches || owner.GetDeletionTimestamp() != nil || obj.GetDeletionTimestamp() != nil ||
		obj.GetNamespace() != owner.GetNamespace() {
		return Ignore
	}
	return Adopt
}

// Claimer adopts and releases objects of type T on behalf of one owner.
type Claimer[T Object] struct {
	Owner    metav1.Object
	Kind     schema.GroupVersionKind // the owner's
	Selector labels.Selector
	// Finalizer, if any, is put on what is adopted and taken off what is released.
	Finalizer string
	// Live reads the owner from the API server. It is asked once before the
	// first adoption: a cached owner may have been deleted, or deleted and made
	// again, and must not adopt what is meant for its successor.
	Live func(ctx context.Context) (metav1.Object, error)
	// Patch applies a strategic merge patch to the object of that name.
	Patch func(ctx context.Context, name string, patch []byte) error

	mayAdopt func() error
}

// Claim returns those of objects that are the owner's, after it has adopted and
// released what it should. Errors of single objects are joined; the objects
// that were claimed are returned all the same.
func (c *Claimer[T]) Claim(ctx context.Context, objects []T) ([]T, error) {
	var owned []T
	var errs []error
	for _, obj := range objects {
		switch ClaimOn(c.Owner, c.Selector, obj) {
		case Keep:
			owned = append(owned, obj)
		case Adopt:
			adopted, err := c.adopt(ctx, obj)
			if adopted {
				owned = append(owned, obj)
			}
			errs = append(errs, err)
		case Release:
			errs = append(errs, c.release(ctx, obj))
		case Ignore:
		}
	}
	return owned, errors.Join(errs...)
}

func (c *Claimer[T]) adopt(ctx context.Context, obj T) (bool, error) {
	if err := c.checkOwner(ctx); err != nil {
		return false, fmt.Errorf("can't adopt %s %s/%s: %w", c.Kind.Kind, obj.GetNamespace(), obj.GetName(), err)
	}
	reference := metav1.NewControllerRef(c.Owner, c.Kind)
	metadata := map[string]any{"ownerReferences": []any{reference}}
	if c.Finalizer != "" {
		metadata["finalizers"] = []string{c.Finalizer}
	}
	err := c.patch(ctx, obj, metadata)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// checkOwner makes sure, once, that the owner still is who it was.
func (c *Claimer[T]) checkOwner(ctx context.Context) error {
	if c.mayAdopt == nil {
		live, err := c.Live(ctx)
		switch {
		case err != nil:
		case live.GetUID() != c.Owner.GetUID():
			err = fmt.Errorf("original %s %s is gone: got uid %s, wanted %s", c.Kind.Kind, Key(c.Owner), live.GetUID(), c.Owner.GetUID())
		case live.GetDeletionTimestamp() != nil:
			err = fmt.Errorf("%s %s has just been deleted at %s", c.Kind.Kind, Key(c.Owner), live.GetDeletionTimestamp())
		}
		c.mayAdopt = func() error { return err }
	}
	return c.mayAdopt()
}

func (c *Claimer[T]) release(ctx context.Context, obj T) error {
	metadata := map[string]any{
		"ownerReferences": []any{map[string]any{"$patch": "delete", "uid": c.Owner.GetUID()}},
	}
	if c.Finalizer != "" {
		metadata["$deleteFromPrimitiveList/finalizers"] = []string{c.Finalizer}
	}
	err := c.patch(ctx, obj, metadata)
	// Not found: it is gone. Invalid: its uid is another, or it no longer has
	// owners; either way it is not ours any more.
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		return nil
	}
	return err
}

// patch changes the metadata of obj, naming its uid so that a namesake is left alone.
func (c *Claimer[T]) patch(ctx context.Context, obj T, metadata map[string]any) error {
	metadata["uid"] = obj.GetUID()
	body, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	return c.Patch(ctx, obj.GetName(), body)
}

// ControllerKey returns the key of the object's controller if that is of the
// given kind (in any version of its group).
func ControllerKey(obj metav1.Object, kind schema.GroupKind) (types.NamespacedName, bool) {
	ref := metav1.GetControllerOfNoCopy(obj)
	if ref == nil || ref.Kind != kind.Kind {
		return types.NamespacedName{}, false
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil || gv.Group != kind.Group {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: ref.Name}, true
}
