package garbagecollector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// coordinates are where a reference says its owner is.
type coordinates struct {
	reference metav1.OwnerReference
	namespace string
}

// String is the form in which events name an owner.
func (c coordinates) String() string {
	return fmt.Sprintf("[%s/%s, namespace: %s, name: %s, uid: %s]",
		c.reference.APIVersion, c.reference.Kind, c.namespace, c.reference.Name, c.reference.UID)
}

// key leaves out what does not tell owners apart.
func (c coordinates) key() string { return c.String() }

// errUnresolvable marks an owner of a kind that is not served (any more): whether
// it exists cannot be said.
type errUnresolvable struct{ error }

// ownerStates finds out about each of the object's owners.
func (c *Controller) ownerStates(ctx context.Context, obj *object, refs []metav1.OwnerReference) ([]ownerState, error) {
	states := make([]ownerState, len(refs))
	for i, ref := range refs {
		state, err := c.ownerState(ctx, obj, ref)
		if err != nil {
			return nil, err
		}
		states[i] = state
	}
	return states, nil
}

// ownerState finds out about one owner: from the graph if it keeps the object, or
// else, before anything is called absent or waiting, from the API server. A watch
// that is late makes the graph keep too much, never too little, and tells when
// the owner goes.
func (c *Controller) ownerState(ctx context.Context, obj *object, ref metav1.OwnerReference) (ownerState, error) {
	if owner := c.store.get(ref.UID); owner != nil && !owner.foreground && refersTo(ref, obj.namespace, owner) {
		return present, nil
	}
	mapping, err := c.mapping(ref)
	if err != nil {
		return c.unserved(obj, ref, err)
	}
	at := coordinates{reference: ref}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if obj.namespace == "" {
			c.tellInvalid(obj, at)
			return unjudgeable, nil
		}
		at.namespace = obj.namespace
	}
	if _, known := c.absent.Get(at.key()); known {
		return absent, nil
	}
	live, err := c.get(ctx, mapping.Resource, at.namespace, ref.Name)
	switch {
	case isUnserved(err):
		c.mapper.Reset()
		return c.unserved(obj, ref, errUnresolvable{err})
	case isGone(err) || err == nil && live.UID != ref.UID:
		c.absent.Add(at.key(), struct{}{})
		c.tellInvalid(obj, at)
		return absent, nil
	case err != nil:
		return present, fmt.Errorf("looking for owner %s: %w", at, err)
	}
	if live.DeletionTimestamp != nil && slices.Contains(live.Finalizers, metav1.FinalizerDeleteDependents) {
		return waiting, nil
	}
	return present, nil
}

// unserved is the state of an owner that nobody can be asked for, because of err:
// absent if the API server told of its end while its kind was still served, as when
// a custom resource is removed with all of its objects.
func (c *Controller) unserved(obj *object, ref metav1.OwnerReference, err error) (ownerState, error) {
	if errors.As(err, &errUnresolvable{}) && c.store.wasRemoved(ref, obj.namespace) {
		return absent, nil
	}
	return present, err
}

// isGone reports an answer that denies the object.
func isGone(err error) bool { return apierrors.IsNotFound(err) && !isUnserved(err) }

// isUnserved reports an answer that does not deny the object but knows nothing of
// its kind or version, as when that has been taken away since it was discovered.
func isUnserved(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	if !ok || !apierrors.IsNotFound(err) {
		return false
	}
	details := status.Status().Details
	return details == nil || details.Name == "" || apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// mapping returns the resource of the kind that the reference names.
func (c *Controller) mapping(ref metav1.OwnerReference) (*meta.RESTMapping, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, errUnresolvable{err}
	}
	mapping, err := c.mapper.RESTMapping(gv.WithKind(ref.Kind).GroupKind(), gv.Version)
	if meta.IsNoMatchError(err) {
		return nil, errUnresolvable{err}
	}
	return mapping, err
}

// tellInvalid makes an event about an owner that is there, but not where its
// dependent can refer to it.
func (c *Controller) tellInvalid(obj *object, at coordinates) {
	if owner := c.store.get(at.reference.UID); owner == nil || owner.namespace == "" || owner.namespace == obj.namespace {
		return
	}
	c.events.Eventf(&corev1.ObjectReference{
		APIVersion: obj.kind.GroupVersion().String(), Kind: obj.kind.Kind,
		Namespace: obj.namespace, Name: obj.name, UID: obj.uid,
	}, corev1.EventTypeWarning, "OwnerRefInvalidNamespace",
		"ownerRef %s does not exist in namespace %q", at, obj.namespace)
}
