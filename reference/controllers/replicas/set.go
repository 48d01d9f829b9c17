package replicas

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// Object is an API object that asks for replicas.
type Object interface {
	runtime.Object
	metav1.Object
}

// Set is a ReplicaSet or a ReplicationController, reduced to what both are.
type Set struct {
	Object          Object // the cached object itself, not to be changed
	Selector        labels.Selector
	Replicas        int32
	MinReadySeconds int32
	Template        *corev1.PodTemplateSpec
	Status          Status
}

// Key is the set's name in the queue.
func (s *Set) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: s.Object.GetNamespace(), Name: s.Object.GetName()}
}

// Kind reads and writes the sets of one API kind.
type Kind interface {
	// GVK is the kind as it stands in owner references.
	GVK() schema.GroupVersionKind
	// Terminating reports whether the kind's status counts terminating pods.
	Terminating() bool
	// Informer is the cache the sets are read from.
	Informer() cache.SharedIndexInformer
	// Get returns the set from the cache, or a NotFound error.
	Get(key types.NamespacedName) (*Set, error)
	// List returns the sets of the namespace from the cache.
	List(namespace string) ([]*Set, error)
	// Live reads the object from the API server.
	Live(ctx context.Context, key types.NamespacedName) (metav1.Object, error)
	// UpdateStatus writes the status, with the resource version of set.Object.
	UpdateStatus(ctx context.Context, set *Set, status Status) (metav1.Object, error)
}
