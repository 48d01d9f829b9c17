package garbagecollector

import (
	"context"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func (c *Controller) get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (*metav1.PartialObjectMetadata, error) {
	return c.metadata.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
}

// setOwners replaces the owner references of the object as it was read.
func (c *Controller) setOwners(ctx context.Context, obj *object, live *metav1.PartialObjectMetadata, owners []metav1.OwnerReference) (*metav1.PartialObjectMetadata, error) {
	return c.patch(ctx, obj, live, map[string]any{"ownerReferences": owners})
}

// dropFinalizer takes the finalizer off the object as it was read.
func (c *Controller) dropFinalizer(ctx context.Context, obj *object, live *metav1.PartialObjectMetadata, finalizer string) error {
	if !slices.Contains(live.Finalizers, finalizer) {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(live.Finalizers), func(f string) bool { return f == finalizer })
	_, err := c.patch(ctx, obj, live, map[string]any{"finalizers": kept})
	return err
}

// patch changes the object's metadata if it still is as it was read. A list is
// replaced as a whole; the resource version makes that safe.
func (c *Controller) patch(ctx context.Context, obj *object, live *metav1.PartialObjectMetadata, metadata map[string]any) (*metav1.PartialObjectMetadata, error) {
	metadata["uid"] = live.UID
	metadata["resourceVersion"] = live.ResourceVersion
	body, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return nil, err
	}
	return c.metadata.Resource(obj.resource).Namespace(obj.namespace).
		Patch(ctx, obj.name, types.MergePatchType, body, metav1.PatchOptions{})
}

// delete deletes the object if it still is as it was read.
func (c *Controller) delete(ctx context.Context, obj *object, live *metav1.PartialObjectMetadata, policy metav1.DeletionPropagation) error {
	return c.metadata.Resource(obj.resource).Namespace(obj.namespace).Delete(ctx, obj.name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &live.UID, ResourceVersion: &live.ResourceVersion},
		PropagationPolicy: &policy,
	})
}
