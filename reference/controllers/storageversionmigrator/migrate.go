package storageversionmigrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	page       = 500 // objects listed at once
	concurrent = 8   // objects written at once
)

// migrate writes the objects of the resource anew that are no younger than the
// migration. It needs no consistent list: an object that is missed has been
// written since.
func (c *Controller) migrate(ctx context.Context, m *storagemigrationv1.StorageVersionMigration, resource schema.GroupVersionResource) error {
	stored, err := c.storedVersion(ctx, resource.GroupResource())
	if err != nil {
		return err
	}
	options := metav1.ListOptions{Limit: page}
	for {
		list, err := c.metadata.Resource(resource).List(ctx, options)
		if again, ok := inconsistent(err); ok {
			options.Continue = again
			continue
		}
		if err != nil {
			return fmt.Errorf("listing %s: %w", resource.GroupResource(), err)
		}
		old := slices.DeleteFunc(list.Items, func(object metav1.PartialObjectMetadata) bool {
			return youngerThan(object.ResourceVersion, m.Status.ResourceVersion)
		})
		for objects := range slices.Chunk(old, concurrent) {
			errs := controller.Together(len(objects), func(i int) error { return c.rewrite(ctx, resource, &objects[i]) })
			if err := errors.Join(errs...); err != nil {
				return err
			}
		}
		if options.Continue = list.Continue; options.Continue == "" {
			break
		}
	}
	return c.forgetVersions(ctx, stored)
}

// inconsistent returns the token with which a list whose start has been compacted
// goes on from where it was.
func inconsistent(err error) (string, bool) {
	var status apierrors.APIStatus
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		return "", false
	}
	token := status.Status().Continue
	return token, token != ""
}

// youngerThan compares resource versions. What cannot be compared is taken as old:
// to write it anew does no harm.
func youngerThan(version, than string) bool {
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order > 0
}

// rewrite has the API server read and store the object, which it does even if
// nothing is changed where that gives other bytes. An object that has been changed
// or deleted in the meantime needs it no more.
func (c *Controller) rewrite(ctx context.Context, resource schema.GroupVersionResource, object *metav1.PartialObjectMetadata) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": object.UID, "resourceVersion": object.ResourceVersion}})
	if err != nil {
		return err
	}
	_, err = c.metadata.Resource(resource).Namespace(object.Namespace).
		Patch(ctx, object.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: Name})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		return permanent{fmt.Errorf("writing %s %s: %w", resource.GroupResource(), controller.Key(object), err)}
	case err != nil:
		return fmt.Errorf("writing %s %s: %w", resource.GroupResource(), controller.Key(object), err)
	}
	return nil
}

// storedVersion returns the definition of a custom resource, nil for another.
func (c *Controller) storedVersion(ctx context.Context, resource schema.GroupResource) (*apiextensionsv1.CustomResourceDefinition, error) {
	crd, err := c.extensions.ApiextensionsV1().CustomResourceDefinitions().Get(ctx, resource.String(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return crd, err
}

// forgetVersions takes the versions in which nothing is stored any more out of
// the definition's status. If its storage version has changed meanwhile, objects
// may have been written in two versions, and the migration proves nothing.
func (c *Controller) forgetVersions(ctx context.Context, before *apiextensionsv1.CustomResourceDefinition) error {
	if before == nil {
		return nil
	}
	now, err := c.storedVersion(ctx, schema.GroupResource{Group: before.Spec.Group, Resource: before.Spec.Names.Plural})
	if err != nil || now == nil {
		return err
	}
	version := storageVersion(before)
	if now.UID != before.UID || storageVersion(now) != version {
		return permanent{fmt.Errorf("the storage version of %s changed during the migration", now.Name)}
	}
	if slices.Equal(now.Status.StoredVersions, []string{version}) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": now.UID, "resourceVersion": now.ResourceVersion},
		"status":   map[string]any{"storedVersions": []string{version}},
	})
	if err != nil {
		return err
	}
	_, err = c.extensions.ApiextensionsV1().CustomResourceDefinitions().
		Patch(ctx, now.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: Name}, "status")
	return err
}

func storageVersion(crd *apiextensionsv1.CustomResourceDefinition) string {
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			return version.Name
		}
	}
	return ""
}
