package garbagecollector

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// rediscovery is how often the API server is asked what it serves, unless a new
// custom resource or aggregated API gives reason to ask sooner.
const rediscovery = 30 * time.Second

// retryDiscovery is how soon to ask again after the API server did not answer.
const retryDiscovery = time.Second

// settling is how long to let a change of custom resources or aggregated APIs
// take effect before asking.
const settling = 250 * time.Millisecond

// allowance is how long a kind's objects may take to be listed before the work
// goes on without them.
const allowance = 30 * time.Second

// kindOf is a resource and the kind of its objects.
type kindOf struct {
	resource schema.GroupVersionResource
	kind     schema.GroupVersionKind
}

// ignored are resources that own nothing and are owned by nothing worth the watch.
var ignored = map[schema.GroupResource]bool{
	{Group: "", Resource: "events"}:              true,
	{Group: "events.k8s.io", Resource: "events"}: true,
}

// tellOfNewKinds are the resources whose changes make others come and go.
var tellOfNewKinds = map[schema.GroupResource]bool{
	{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}: true,
	{Group: "apiregistration.k8s.io", Resource: "apiservices"}:             true,
}

// monitors watches the metadata of every collectable resource into the store.
type monitors struct {
	metadata  metadata.Interface
	discovery discovery.DiscoveryInterface
	store     *store
	renewed   func(changed bool) // called with each discovery; something may be served, or answer, that did not before
	kick      chan struct{}
	watching  sync.WaitGroup

	mu      sync.Mutex
	running map[kindOf]*monitor
	silent  map[schema.GroupVersion]bool // those that could not be discovered last time
}

type monitor struct {
	stop   func() // after it nothing changes the store
	synced cache.InformerSynced
	begun  time.Time
	// refused says that the objects could not be listed when it was tried.
	refused atomic.Bool
}

// run keeps the monitors in step with what the API server serves until ctx ends,
// and returns when the last of them has stopped.
func (m *monitors) run(ctx context.Context) {
	defer m.watching.Wait()
	for {
		wait := rediscovery
		if err := m.sync(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot discover the API's resources, keeping the known ones")
			wait = retryDiscovery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-m.kick:
			select {
			case <-ctx.Done():
				return
			case <-time.After(settling):
			}
		}
	}
}

// sync starts a monitor for each new resource and stops those of resources that
// are gone. A group that does not answer keeps its monitors.
func (m *monitors) sync(ctx context.Context) error {
	lists, err := discovery.ServerPreferredResourcesWithContext(ctx, discovery.ToDiscoveryInterfaceWithContext(m.discovery))
	failed, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !partial {
		return err
	}
	wanted := collectable(lists)
	silent := map[schema.GroupVersion]bool{}
	for gv := range failed {
		silent[gv] = true
	}
	m.mu.Lock()
	changed := !maps.Equal(silent, m.silent)
	m.silent = silent
	gone := 0
	kept := map[schema.GroupKind]bool{}
	// What is gone goes first: a kind of which another version is preferred now has
	// its objects observed anew. Until they are, it counts as not synced.
	for what, monitor := range m.running {
		if silent[what.resource.GroupVersion()] {
			kept[what.kind.GroupKind()] = true
		} else if !wanted[what] {
			monitor.stop()
			delete(m.running, what)
			m.store.forgetResource(what.resource)
			gone++
			changed = true
		}
	}
	for what := range wanted {
		// Not in two versions at once: when one stops, its objects are forgotten.
		if m.running[what] == nil && !kept[what.kind.GroupKind()] {
			m.running[what] = m.start(ctx, what)
			changed = true
		}
	}
	m.mu.Unlock()
	m.renewed(changed)
	if changed {
		klog.FromContext(ctx).V(2).Info("Watching", "resources", len(wanted), "gone", gone)
	}
	return nil
}

// begun reports whether there is something to work on.
func (m *monitors) begun() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.running) > 0
}

// listing reports whether the objects of the kind are being listed, so that there is
// no need yet to ask for one of them.
func (m *monitors) listing(kind schema.GroupKind) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for what, monitor := range m.running {
		if what.kind.GroupKind() == kind {
			return !monitor.synced() && !monitor.refused.Load() && time.Since(monitor.begun) < allowance
		}
	}
	return false
}

// late returns the resources of which it has not been seen what was there at first.
func (m *monitors) late() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var late []string
	for what, monitor := range m.running {
		if !monitor.synced() {
			late = append(late, what.resource.String())
		}
	}
	slices.Sort(late)
	return late
}

// synced reports whether all monitors have seen what was there at first, or have
// had time enough to.
func (m *monitors) synced() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, monitor := range m.running {
		if !monitor.synced() && time.Since(monitor.begun) < allowance {
			return false
		}
	}
	return len(m.running) > 0
}

// start watches the resource until the monitor is stopped.
func (m *monitors) start(ctx context.Context, what kindOf) *monitor {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	stopped := false
	mon := &monitor{begun: time.Now()}
	informer := metadatainformer.NewFilteredMetadataInformer(m.metadata, what.resource, metav1.NamespaceAll, 0, nil, nil).Informer()
	// Setting these fails only once the informer runs.
	_ = informer.SetTransform(bare)
	_ = informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
		mon.refused.Store(true)
		cache.DefaultWatchErrorHandler(ctx, r, err)
	})
	mon.synced = controller.Watch(informer, func(before, now *metav1.PartialObjectMetadata) {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		if now == nil {
			m.store.remove(before.UID)
		} else {
			if before != nil && before.UID != now.UID {
				m.store.remove(before.UID)
			}
			m.store.observe(fromMetadata(what, now))
		}
		if tellOfNewKinds[what.resource.GroupResource()] {
			select {
			case m.kick <- struct{}{}:
			default: // one is waiting already
			}
		}
	})
	m.watching.Go(func() { informer.RunWithContext(ctx) })
	mon.stop = func() {
		cancel()
		mu.Lock()
		defer mu.Unlock()
		stopped = true
	}
	return mon
}

// bare drops what ownership does not need and memory is full of.
func bare(obj any) (any, error) {
	if meta, ok := obj.(*metav1.PartialObjectMetadata); ok {
		meta.Labels, meta.Annotations, meta.ManagedFields = nil, nil, nil
	}
	return obj, nil
}

// collectable returns the resources whose objects can be watched and deleted.
func collectable(lists []*metav1.APIResourceList) map[kindOf]bool {
	found := map[kindOf]bool{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, resource := range list.APIResources {
			what := kindOf{resource: gv.WithResource(resource.Name), kind: gv.WithKind(resource.Kind)}
			if !ignored[what.resource.GroupResource()] && containsAll(resource.Verbs, "delete", "get", "list", "watch") {
				found[what] = true
			}
		}
	}
	return found
}

func containsAll(have []string, want ...string) bool {
	for _, verb := range want {
		if !slices.Contains(have, verb) {
			return false
		}
	}
	return true
}
