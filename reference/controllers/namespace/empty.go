package namespace

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/klog/v2"
)

// background lets dependents follow their owners by themselves; they are deleted
// here as well.
var background = metav1.DeletePropagationBackground

// empty asks for the deletion of all that is in the namespace, and reports what
// is still there: first pods, and the rest once there are none.
func (c *Controller) empty(ctx context.Context, namespace string) *report {
	r := newReport()
	lists, err := discovery.ServerPreferredNamespacedResources(c.discovery)
	if err != nil {
		// What has been discovered is deleted all the same.
		r.discovery = err
	}
	found, err := contents(lists)
	r.versions = err
	for _, what := range found {
		if what.resource == pods {
			c.delete(ctx, namespace, what, r)
		}
	}
	if len(r.remaining) > 0 || len(r.deletion) > 0 {
		return r
	}
	for _, what := range found {
		if what.resource != pods {
			c.delete(ctx, namespace, what, r)
		}
	}
	return r
}

// delete asks for the deletion of all objects of one kind in the namespace.
func (c *Controller) delete(ctx context.Context, namespace string, what content, r *report) {
	left, err := c.list(ctx, namespace, what)
	if err == nil && len(left) > 0 {
		err = c.deleteAll(ctx, namespace, what, left)
		if err == nil {
			left, err = c.list(ctx, namespace, what)
		}
	}
	if err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot delete the content of a namespace", "namespace", namespace, "resource", what.resource, "reason", err)
		r.deletion = append(r.deletion, err)
	}
	if len(left) == 0 {
		return
	}
	r.remaining[what.resource] = len(left)
	for _, object := range left {
		for _, finalizer := range object.Finalizers {
			r.finalizers[finalizer]++
		}
	}
}

// list returns what is there; nothing of a kind that cannot be listed.
func (c *Controller) list(ctx context.Context, namespace string, what content) ([]metav1.PartialObjectMetadata, error) {
	if !what.list {
		return nil, nil
	}
	list, err := c.metadata.Resource(what.resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if unserved(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// deleteAll deletes the collection, or one object after the other where the
// resource knows no collection.
func (c *Controller) deleteAll(ctx context.Context, namespace string, what content, objects []metav1.PartialObjectMetadata) error {
	client := c.metadata.Resource(what.resource).Namespace(namespace)
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	if what.collection {
		err := client.DeleteCollection(ctx, options, metav1.ListOptions{})
		if !unserved(err) {
			return err
		}
	}
	for _, object := range objects {
		if object.DeletionTimestamp != nil {
			continue
		}
		if err := client.Delete(ctx, object.Name, options); err != nil && !unserved(err) {
			return err
		}
	}
	return nil
}

// unserved reports an error that means there is nothing (more) to do: the object
// or the whole resource is gone, or it cannot be asked this.
func unserved(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}
