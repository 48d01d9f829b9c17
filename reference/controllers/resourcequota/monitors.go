package resourcequota

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	etalonquota "github.com/etalon-dev/etalon/reference/quota"
)

// monitors watch the resources that quotas limit.
type monitors struct {
	client   kubernetes.Interface
	metadata metadata.Interface
	// full are the resources whose objects are watched as a whole; of others the metadata will do.
	full sets.Set[schema.GroupVersionResource]
	// changed is called for every object that comes, changes or goes.
	changed func(gvr schema.GroupVersionResource, before, now metav1.Object)

	// registry gets an evaluator of each resource that is watched but those that it always has one of.
	registry quota.Registry
	builtIn  sets.Set[schema.GroupResource]
	informed sync.WaitGroup

	mu      sync.Mutex // is held for memory only, never over a request
	asked   int64      // how often ensure has been called
	running map[schema.GroupVersionResource]*monitor
}

type monitor struct {
	informer  informers.GenericInformer
	synced    cache.InformerSynced
	stop      context.CancelFunc // none if others use the informer too
	evaluator quota.Evaluator    // that is in the registry for the time of the watch
	asked     int64              // when it was last asked for
}

// share takes an informer that somebody else starts.
func (m *monitors) share(gvr schema.GroupVersionResource, informer informers.GenericInformer) {
	m.running[gvr] = &monitor{informer: informer, synced: m.watch(gvr, informer)}
}

func (m *monitors) watch(gvr schema.GroupVersionResource, informer informers.GenericInformer) cache.InformerSynced {
	return controller.Watch(informer.Informer(), func(before, now metav1.Object) { m.changed(gvr, before, now) })
}

// ensure watches the resource until ctx ends or keep is called without it, and says whether all
// that was there at first is known.
func (m *monitors) ensure(ctx context.Context, gvr schema.GroupVersionResource) cache.InformerSynced {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.running[gvr] == nil {
		m.running[gvr] = m.start(ctx, gvr)
	}
	m.running[gvr].asked = m.asked
	return m.running[gvr].synced
}

func (m *monitors) start(ctx context.Context, gvr schema.GroupVersionResource) *monitor {
	var informer informers.GenericInformer
	if m.full.Has(gvr) {
		// Those of Measured are all known to client-go.
		informer, _ = informers.NewSharedInformerFactory(m.client, 0).ForResource(gvr)
	} else {
		informer = metadatainformer.NewFilteredMetadataInformer(m.metadata, gvr, metav1.NamespaceAll, 0, nil, nil)
	}
	// It fails only for an informer that runs.
	_ = informer.Informer().SetTransform(bare)
	started := &monitor{informer: informer, synced: m.watch(gvr, informer)}
	if !m.builtIn.Has(gvr.GroupResource()) {
		started.evaluator = etalonquota.Counter(gvr, m.lister)
		m.registry.Add(started.evaluator)
	}
	ctx, started.stop = context.WithCancel(ctx)
	m.informed.Go(func() { informer.Informer().RunWithContext(ctx) })
	return started
}

// wait returns when nothing is watched any more but what others watch.
func (m *monitors) wait() { m.informed.Wait() }

// lister returns the known objects of the resource; it fails as long as these are not all.
func (m *monitors) lister(gvr schema.GroupVersionResource) (cache.GenericLister, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	have := m.running[gvr]
	if have == nil || !have.synced() {
		return nil, errNotYet{gvr}
	}
	return have.informer.Lister(), nil
}

// time is now, as keep counts it.
func (m *monitors) time() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// keep stops watching what is not wanted any more and has not been asked for since that time.
func (m *monitors) keep(wanted sets.Set[schema.GroupVersionResource], since int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for gvr, have := range m.running {
		if have.stop == nil || have.asked > since || wanted.Has(gvr) {
			continue
		}
		have.stop()
		delete(m.running, gvr)
		// Another version of the resource may have its place.
		if have.evaluator != nil && m.registry.Get(gvr.GroupResource()) == have.evaluator {
			m.registry.Remove(have.evaluator)
		}
	}
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
