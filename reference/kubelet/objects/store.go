// Package objects keeps the ConfigMaps and Secrets that the node's pods refer to, and tells
// when they change. Only these are watched, each by its name: a node may see no others.
package objects

import (
	"context"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Store serves objects from its watches; before a watch has caught up, and for objects that no
// pod is registered for, from the API server.
type Store struct {
	ctx     context.Context
	client  kubernetes.Interface
	changed func(types.UID)

	mu    sync.Mutex
	items map[Ref]*item
}

type item struct {
	users  map[types.UID]bool
	store  cache.Store
	synced func() bool
	stop   context.CancelFunc
}

// New returns an empty Store. It calls changed with the uid of each pod of which an object
// changed, appeared or disappeared. Its watches end with ctx.
func New(ctx context.Context, client kubernetes.Interface, changed func(types.UID)) *Store {
	return &Store{ctx: ctx, client: client, changed: changed, items: map[Ref]*item{}}
}

// Register watches what the pod refers to, until Release.
func (s *Store) Register(pod *v1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ref := range Refs(pod) {
		i := s.items[ref]
		if i == nil {
			i = s.watch(ref)
			s.items[ref] = i
		}
		i.users[pod.UID] = true
	}
}

// Release drops the pod's interest.
func (s *Store) Release(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, i := range s.items {
		delete(i.users, uid)
		if len(i.users) == 0 {
			i.stop()
			delete(s.items, ref)
		}
	}
}

// ConfigMap returns the named ConfigMap; if it does not exist, an error that says
// `configmap "name" not found`.
func (s *Store) ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error) {
	if o, ok, err := s.cached(Ref{ConfigMap, namespace, name}); ok {
		if err != nil {
			return nil, err
		}
		return o.(*v1.ConfigMap), nil
	}
	m, err := Patiently(ctx, func() (*v1.ConfigMap, error) {
		return s.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	})
	return m, named(err, ConfigMap, name)
}

// Secret returns the named Secret; if it does not exist, an error that says `secret "name" not found`.
func (s *Store) Secret(ctx context.Context, namespace, name string) (*v1.Secret, error) {
	if o, ok, err := s.cached(Ref{Secret, namespace, name}); ok {
		if err != nil {
			return nil, err
		}
		return o.(*v1.Secret), nil
	}
	secret, err := Patiently(ctx, func() (*v1.Secret, error) {
		return s.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	})
	return secret, named(err, Secret, name)
}

// cached answers from a watch, if one has caught up. That an object is missing is always asked
// of the API server: it may have been made a moment ago, and its pod should not wait in vain.
func (s *Store) cached(ref Ref) (any, bool, error) {
	s.mu.Lock()
	i := s.items[ref]
	s.mu.Unlock()
	if i == nil || !i.synced() {
		return nil, false, nil
	}
	return i.store.GetByKey(ref.Namespace + "/" + ref.Name)
}

// named says the kind as users know it instead of the resource.
func named(err error, kind Kind, name string) error {
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(schema.GroupResource{Resource: string(kind)}, name)
	}
	return err
}

func (s *Store) watch(ref Ref) *item {
	ctx, stop := context.WithCancel(s.ctx)
	resource, object := "configmaps", runtime.Object(&v1.ConfigMap{})
	if ref.Kind == Secret {
		resource, object = "secrets", &v1.Secret{}
	}
	tell := func(o any) {
		if immutable(o) {
			// It will never say anything else (docs: concepts/configuration/configmap#configmap-immutable).
			stop()
		}
		s.tell(ref)
	}
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(s.client.CoreV1().RESTClient(), resource, ref.Namespace,
			fields.OneTermEqualSelector("metadata.name", ref.Name)),
		ObjectType: object,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: tell,
			UpdateFunc: func(old, now any) {
				if old.(metav1.Object).GetResourceVersion() != now.(metav1.Object).GetResourceVersion() {
					tell(now)
				}
			},
			DeleteFunc: func(any) { s.tell(ref) },
		},
	})
	go controller.RunWithContext(ctx)
	return &item{users: map[types.UID]bool{}, store: store, synced: controller.HasSynced, stop: stop}
}

func immutable(o any) bool {
	switch o := o.(type) {
	case *v1.ConfigMap:
		return o.Immutable != nil && *o.Immutable
	case *v1.Secret:
		return o.Immutable != nil && *o.Immutable
	}
	return false
}

func (s *Store) tell(ref Ref) {
	s.mu.Lock()
	var users []types.UID
	if i := s.items[ref]; i != nil {
		for uid := range i.users {
			users = append(users, uid)
		}
	}
	s.mu.Unlock()
	for _, uid := range users {
		s.changed(uid)
	}
}
