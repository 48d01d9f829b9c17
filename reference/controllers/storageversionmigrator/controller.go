package storageversionmigrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/storagemigration/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in logs, and the manager of the fields it writes.
const Name = "storage-version-migrator-controller"

// unknownFor is how long a resource may be unknown before its migration fails: a
// custom resource that has just been defined takes a moment to be served.
const unknownFor = 30 * time.Second

// retryUnknown is how soon to look again for such a resource.
const retryUnknown = 2 * time.Second

// Controller carries out StorageVersionMigrations, whose names are its keys.
type Controller struct {
	client     kubernetes.Interface
	extensions apiextensions.Interface
	metadata   metadata.Interface
	discovery  discovery.DiscoveryInterface
	migrations listers.StorageVersionMigrationLister
	queue      *controller.Queue
	synced     cache.InformerSynced
	now        func() time.Time
}

// New returns the controller.
func New(client kubernetes.Interface, extensions apiextensions.Interface, objects metadata.Interface,
	api discovery.DiscoveryInterface, shared informers.SharedInformerFactory) *Controller {
	migrations := shared.Storagemigration().V1().StorageVersionMigrations()
	c := &Controller{
		client: client, extensions: extensions, metadata: objects, discovery: api,
		migrations: migrations.Lister(), queue: controller.NewQueue(Name), now: time.Now,
	}
	c.synced = controller.WatchKeys[*storagemigrationv1.StorageVersionMigration](migrations.Informer(), c.queue)
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced)
}

// permanent is an error that trying again does not mend.
type permanent struct{ error }

// Reconcile migrates, from the start until the end. A migration that is cut off
// is begun again: what has been written anew is not written twice.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	cached, err := c.migrations.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil || finished(cached) {
		return 0, err
	}
	// The cache may lag behind our own last write, and the work is dear.
	m, err := c.client.StoragemigrationV1().StorageVersionMigrations().Get(ctx, key.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil || finished(m) {
		return 0, err
	}
	resource, err := c.find(schema.GroupResource(m.Spec.Resource))
	if errors.As(err, &permanent{}) && c.now().Sub(m.CreationTimestamp.Time) < unknownFor {
		return retryUnknown, nil
	}
	if err == nil {
		m, err = c.begin(ctx, m, resource)
	}
	if err == nil {
		err = c.migrate(ctx, m, resource)
	}
	if lasting := (permanent{}); errors.As(err, &lasting) {
		return 0, c.write(ctx, m, ended(m.Status, lasting.Error(), metav1.NewTime(c.now())))
	}
	if err != nil {
		return 0, err
	}
	return 0, c.write(ctx, m, ended(m.Status, "", metav1.NewTime(c.now())))
}

// begin notes from which version on objects need not be written anew.
func (c *Controller) begin(ctx context.Context, m *storagemigrationv1.StorageVersionMigration, resource schema.GroupVersionResource) (*storagemigrationv1.StorageVersionMigration, error) {
	if m.Status.ResourceVersion != "" {
		return m, nil
	}
	list, err := c.metadata.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return m, fmt.Errorf("listing %s: %w", resource.GroupResource(), err)
	}
	if _, err := strconv.ParseUint(list.ResourceVersion, 10, 64); err != nil {
		return m, permanent{fmt.Errorf("resource %s has no integer resource version: %q", resource.GroupResource(), list.ResourceVersion)}
	}
	m = m.DeepCopy()
	m.Status = begun(m.Status, list.ResourceVersion, metav1.NewTime(c.now()))
	return c.client.StoragemigrationV1().StorageVersionMigrations().UpdateStatus(ctx, m, metav1.UpdateOptions{FieldManager: Name})
}

func (c *Controller) write(ctx context.Context, m *storagemigrationv1.StorageVersionMigration, status storagemigrationv1.StorageVersionMigrationStatus) error {
	m = m.DeepCopy()
	m.Status = status
	_, err := c.client.StoragemigrationV1().StorageVersionMigrations().UpdateStatus(ctx, m, metav1.UpdateOptions{FieldManager: Name})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// find returns the resource in the version that the API server prefers. Of a
// resource that is not served, or whose objects cannot be listed and patched, it
// returns a permanent error.
func (c *Controller) find(wanted schema.GroupResource) (schema.GroupVersionResource, error) {
	groups, err := c.discovery.ServerGroups()
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	for _, group := range groups.Groups {
		if group.Name != wanted.Group {
			continue
		}
		versions := append([]metav1.GroupVersionForDiscovery{group.PreferredVersion}, group.Versions...)
		for _, version := range versions {
			resources, err := c.discovery.ServerResourcesForGroupVersion(version.GroupVersion)
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return schema.GroupVersionResource{}, err
			}
			for _, r := range resources.APIResources {
				if r.Name != wanted.Resource {
					continue
				}
				if !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "patch") {
					return schema.GroupVersionResource{}, permanent{fmt.Errorf("resource %s cannot be listed and patched", wanted)}
				}
				return wanted.WithVersion(version.Version), nil
			}
		}
	}
	return schema.GroupVersionResource{}, permanent{fmt.Errorf("resource %s is not served", wanted)}
}
