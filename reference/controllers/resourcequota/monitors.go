package resourcequota

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// monitors watch the resources that quotas limit.
type monitors struct {
	client   kubernetes.Interface
	metadata metadata.Interface
	// full are the resources whose objects are watched as a whole; of others the metadata will do.
	full sets.Set[schema.GroupVersionResource]
	// changed is called for every object that comes, changes or goes.
	changed func(gvr schema.GroupVersionResource, before, now metav1.Object)

	mu      sync.Mutex
	running map[schema.GroupVersionResource]monitor
}

type monitor struct {
	informer informers.GenericInformer
	synced   cache.InformerSynced
	stop     context.CancelFunc // none if others use the informer too
}

// share takes an informer that somebody else starts.
func (m *monitors) share(gvr schema.GroupVersionResource, informer informers.GenericInformer) {
	m.running[gvr] = monitor{informer: informer, synced: m.watch(gvr, informer)}
}

func (m *monitors) watch(gvr schema.GroupVersionResource, informer informers.GenericInformer) cache.InformerSynced {
	return controller.Watch(informer.Informer(), func(before, now metav1.Object) { m.changed(gvr, before, now) })
}

// ensure watches the resource until ctx ends or keep is called without it, and says whether all
// that was there at first is known.
func (m *monitors) ensure(ctx context.Context, gvr schema.GroupVersionResource) cache.InformerSynced {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have, ok := m.running[gvr]; ok {
		return have.synced
	}
	var informer informers.GenericInformer
	if m.full.Has(gvr) {
		// Those of Measured are all known to client-go.
		informer, _ = informers.NewSharedInformerFactory(m.client, 0).ForResource(gvr)
	} else {
		informer = metadatainformer.NewFilteredMetadataInformer(m.metadata, gvr, metav1.NamespaceAll, 0, nil, nil)
	}
	// It fails only for an informer that runs.
	_ = informer.Informer().SetTransform(bare)
	ctx, stop := context.WithCancel(ctx)
	started := monitor{informer: informer, synced: m.watch(gvr, informer), stop: stop}
	m.running[gvr] = started
	go informer.Informer().RunWithContext(ctx)
	return started.synced
}

// lister returns the known objects of the resource; it fails as long as these are not all.
func (m *monitors) lister(gvr schema.GroupVersionResource) (cache.GenericLister, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	have, ok := m.running[gvr]
	if !ok || !have.synced() {
		return nil, errNotYet{gvr}
	}
	return have.informer.Lister(), nil
}

// keep stops watching what is not wanted any more, and returns what that was.
func (m *monitors) keep(wanted sets.Set[schema.GroupVersionResource]) (stopped []schema.GroupVersionResource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for gvr, have := range m.running {
		if have.stop != nil && !wanted.Has(gvr) {
			have.stop()
			delete(m.running, gvr)
			stopped = append(stopped, gvr)
		}
	}
	return stopped
}

// bare drops what counting does not need and memory is full of.
func bare(obj any) (any, error) {
	if meta, ok := obj.(*metav1.PartialObjectMetadata); ok {
		meta.Labels, meta.Annotations = nil, nil
	}
	if object, ok := obj.(metav1.Object); ok {
		object.SetManagedFields(nil)
	}
	return obj, nil
}

// errNotYet says that the objects of a resource are not known yet.
type errNotYet struct{ schema.GroupVersionResource }

func (e errNotYet) Error() string { return e.GroupVersionResource.String() + " not yet synced" }
