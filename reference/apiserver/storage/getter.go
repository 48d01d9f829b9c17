package storage

import (
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/client/v3/kubernetes"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	apistorage "k8s.io/apiserver/pkg/storage"
	cacherstorage "k8s.io/apiserver/pkg/storage/cacher"
	"k8s.io/apiserver/pkg/storage/etcd3"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/apiserver/pkg/storage/value/encrypt/identity"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// Prefix is the key below which everything is stored, as in every Kubernetes cluster.
const Prefix = "/registry"

// Backend is where objects are kept: an embedded etcd or the servers of an external one.
type Backend struct {
	config    storagebackend.Config
	client    *kubernetes.Client // nil: by gRPC to config's servers
	compactor func() etcd3.Compactor
	encrypted value.ResourceTransformers // nil: nothing is
}

// Encrypt makes what is stored from now on pass the transformers; nil for none. It must be called
// before any Getter.
func (b *Backend) Encrypt(t value.ResourceTransformers) { b.encrypted = t }

// Embedded keeps objects in an etcd of this process.
func Embedded(e *Etcd) *Backend {
	config := *storagebackend.NewDefaultConfig(Prefix, nil)
	config.Transport.ServerList = []string{e.Endpoint()}
	client := e.Client()
	return &Backend{
		config: config,
		client: client,
		compactor: sync.OnceValue(func() etcd3.Compactor {
			return etcd3.NewCompactor(client.Client, config.CompactionInterval, clock.RealClock{}, nil)
		}),
	}
}

// External keeps objects in an etcd cluster that runs elsewhere.
func External(transport storagebackend.TransportConfig) *Backend {
	config := *storagebackend.NewDefaultConfig(Prefix, nil)
	config.Transport = transport
	return &Backend{config: config}
}

// Config is the storage configuration of the backend.
func (b *Backend) Config() storagebackend.Config { return b.config }

// Getter returns the RESTOptionsGetter of a server whose objects are encoded by codec, in the version that stored says.
// Discovery shows a hash of that version, so that clients see when objects are to be stored anew; nil: it shows none.
func (b *Backend) Getter(codec func(schema.GroupResource) runtime.Codec, stored func(schema.GroupResource) schema.GroupVersion) generic.RESTOptionsGetter {
	return &getter{backend: b, codec: codec, stored: stored}
}

type getter struct {
	backend *Backend
	codec   func(schema.GroupResource) runtime.Codec
	stored  func(schema.GroupResource) schema.GroupVersion
}

// GetRESTOptions implements generic.RESTOptionsGetter.
func (g *getter) GetRESTOptions(gr schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	config := g.backend.config.ForResource(gr)
	config.Codec = g.codec(gr)
	if g.backend.encrypted != nil {
		config.Transformer = g.backend.encrypted.TransformerForResource(gr)
	}
	if g.stored != nil {
		config.EncodeVersioner = g.stored(gr)
	}
	options := generic.RESTOptions{
		StorageConfig:             config,
		Decorator:                 genericregistry.StorageWithCacher(),
		EnableGarbageCollection:   true,
		DeleteCollectionWorkers:   1,
		ResourcePrefix:            ResourcePrefix(gr),
		CountMetricPollPeriod:     time.Minute,
		StorageObjectCountTracker: config.StorageObjectCountTracker,
	}
	if isEvent(gr) {
		// Events are written far more often than read; upstream keeps them out of the watch cache too.
		options.Decorator = generic.UndecoratedStorage
	}
	if g.backend.client != nil {
		options.Decorator = g.backend.decorator(!isEvent(gr))
	}
	return options, nil
}

func isEvent(gr schema.GroupResource) bool {
	return gr.Resource == "events" && (gr.Group == "" || gr.Group == "events.k8s.io")
}

// decorator builds the storage of one resource on the embedded etcd, behind a watch cache if asked.
func (b *Backend) decorator(cached bool) generic.StorageDecorator {
	return func(sc *storagebackend.ConfigForResource, resourcePrefix string, keyFunc func(runtime.Object) (string, error),
		newFunc, newListFunc func() runtime.Object, attrs apistorage.AttrFunc, triggers apistorage.IndexerFuncs, indexers *cache.Indexers,
	) (apistorage.Interface, factory.DestroyFunc, error) {
		versioner := apistorage.APIObjectVersioner{}
		transformer := sc.Transformer
		if transformer == nil {
			transformer = identity.NewEncryptCheckTransformer()
		}
		store, err := etcd3.New(b.client, b.compactor(), sc.Codec, newFunc, newListFunc, sc.Prefix, resourcePrefix, sc.GroupResource,
			transformer, sc.LeaseManagerConfig, etcd3.NewDefaultDecoder(sc.Codec, versioner), versioner)
		if err != nil {
			return nil, nil, fmt.Errorf("storage of %s: %w", sc.GroupResource, err)
		}
		if !cached {
			return store, sync.OnceFunc(store.Close), nil
		}
		cacher, err := cacherstorage.NewCacherFromConfig(cacherstorage.Config{
			Storage: store, Versioner: versioner, GroupResource: sc.GroupResource, EventsHistoryWindow: sc.EventsHistoryWindow,
			ResourcePrefix: resourcePrefix, KeyFunc: keyFunc, NewFunc: newFunc, NewListFunc: newListFunc,
			GetAttrsFunc: attrs, IndexerFuncs: triggers, Indexers: indexers, Codec: sc.Codec,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("watch cache of %s: %w", sc.GroupResource, err)
		}
		delegator := cacherstorage.NewCacheDelegator(cacher, store)
		return delegator, sync.OnceFunc(func() {
			delegator.Stop()
			cacher.Stop()
			store.Close()
		}), nil
	}
}

// renamed are the resources whose key differs from their name, for history's sake; backups and
// tools that read etcd know them.
var renamed = map[schema.GroupResource]string{
	{Resource: "services"}:                              "services/specs",
	{Resource: "endpoints"}:                             "services/endpoints",
	{Resource: "nodes"}:                                 "minions",
	{Resource: "replicationcontrollers"}:                "controllers",
	{Group: "networking.k8s.io", Resource: "ingresses"}: "ingress",
}

// builtIn are the groups whose name is not part of the key; a custom resource's group always is.
var builtIn = sets.New("", "admissionregistration.k8s.io", "apps", "autoscaling", "batch", "certificates.k8s.io",
	"coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "networking.k8s.io",
	"node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
	"storagemigration.k8s.io")

// ResourcePrefix is the part of the key that follows Prefix: /registry/<ResourcePrefix>/<namespace>/<name>.
func ResourcePrefix(gr schema.GroupResource) string {
	if name, ok := renamed[gr]; ok {
		return "/" + name
	}
	if builtIn.Has(gr.Group) {
		return "/" + gr.Resource
	}
	return "/" + gr.Group + "/" + gr.Resource
}
