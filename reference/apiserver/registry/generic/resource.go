// Package generic turns the declaration of a built-in resource into its REST storage.
//
// A resource says what is particular to it (names, rules, columns) in one Resource value; the
// machinery of k8s.io/apiserver's generic store does the rest.
package generic

import (
	"context"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/tools/cache"
)

// Object is a pointer to an API type with metadata.
type Object interface {
	runtime.Object
	metav1.Object
}

// Resource declares one built-in resource whose objects are of type T, the published version's
// pointer type. Everything that is not set takes the usual behaviour of Kubernetes.
type Resource[T Object] struct {
	// GV is the version that managed fields and reset fields speak of.
	GV schema.GroupVersion
	// Also are further versions in which the resource is served, with the same paths for reset fields.
	Also             []schema.GroupVersion
	Plural, Singular string
	Short            []string
	Categories       []string
	Cluster          bool // not in a namespace
	Object           T
	List             runtime.Object

	// Spec and Status return pointers to the two halves of an object. With Status the resource has
	// a /status subresource: the main resource never writes the status, /status never the spec.
	Spec, Status func(T) any
	// StatusOnCreate keeps the status that a new object comes with, as for nodes that register.
	StatusOnCreate bool
	// StatusKeepsMeta makes /status ignore labels, annotations, finalizers and owners.
	StatusKeepsMeta bool
	// StatusResets are further fields that PrepareStatus puts back, for server-side apply.
	StatusResets []string

	// Drop takes away what is not stored unless old, nil for a new object, has it: fields whose
	// feature is off. It runs first of all on writes to the main resource.
	Drop func(obj, old T)
	// PrepareCreate runs after the status was cleared and the generation set, before validation.
	PrepareCreate func(ctx context.Context, obj T)
	// PrepareUpdate runs after the status was put back, before the generation is judged.
	PrepareUpdate func(ctx context.Context, obj, old T)
	// PrepareStatus runs after the spec was put back on a write to /status.
	PrepareStatus func(ctx context.Context, obj, old T)
	// Canonicalize runs after validation and before storing.
	Canonicalize func(T)

	Validate       func(T) field.ErrorList
	ValidateUpdate func(obj, old T) field.ErrorList
	ValidateStatus func(obj, old T) field.ErrorList
	// ValidateFor and ValidateUpdateFor stand in for Validate and ValidateUpdate where the rules depend on
	// the version that a request speaks; what the server writes itself is of version GV.
	ValidateFor       func(version schema.GroupVersion, obj T) field.ErrorList
	ValidateUpdateFor func(version schema.GroupVersion, obj, old T) field.ErrorList
	// Warnings are what a client is told of an object that is stored all the same; old is nil for a
	// new object. Writes to subresources warn of nothing.
	Warnings func(obj, old T) []string

	// Generation makes metadata.generation start at 1 and grow when Changed says so (nil: when the
	// spec differs).
	Generation bool
	Changed    func(obj, old T) bool

	// CreateOnUpdate lets PUT create. RequireVersion makes PUT carry a resourceVersion.
	CreateOnUpdate, RequireVersion bool
	// ReturnDeleted makes DELETE answer with the object instead of a Status.
	ReturnDeleted bool
	// Propagation is what DELETE does to dependents when the request does not say; nil: background.
	Propagation func(ctx context.Context) rest.GarbageCollectionPolicy
	// Grace settles the grace period of a deletion in options; nil: objects go at once.
	Grace func(obj T, options *metav1.DeleteOptions)
	// TTL is after how many seconds an object expires; 0: never.
	TTL uint64

	// Fields are the values that field selectors see, beside metadata.name and metadata.namespace.
	Fields func(T) fields.Set
	// Indexed is the field by which the watch cache sorts watchers and lists; "": none.
	Indexed string

	// Columns are what `kubectl get` shows; nil: name and creation time.
	Columns []Column[T]
	// RowConditions marks rows that printers may show apart, such as completed pods.
	RowConditions func(T) []metav1.TableRowCondition

	// Customize adjusts the store before it is built, for hooks that only one resource needs.
	Customize func(*genericregistry.Store)
}

// Install builds the store and puts it into m under the plural name, and /status beside it.
func (r *Resource[T]) Install(m map[string]rest.Storage, getter generic.RESTOptionsGetter) (*REST, error) {
	store, err := r.Store(getter)
	if err != nil {
		return nil, err
	}
	out := &REST{Store: store, short: r.Short, categories: r.Categories}
	m[r.Plural] = out
	if r.Status != nil {
		m[r.Plural+"/status"] = NewSubresource(store, r.StatusStrategy())
	}
	return out, nil
}

// Store builds the store of the main resource.
func (r *Resource[T]) Store(getter generic.RESTOptionsGetter) (*genericregistry.Store, error) {
	group := r.GV.Group
	object, list := reflect.TypeOf(r.Object).Elem(), reflect.TypeOf(r.List).Elem()
	strategy := strategy[T]{r: r}
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return reflect.New(object).Interface().(runtime.Object) },
		NewListFunc:               func() runtime.Object { return reflect.New(list).Interface().(runtime.Object) },
		DefaultQualifiedResource:  schema.GroupResource{Group: group, Resource: r.Plural},
		SingularQualifiedResource: schema.GroupResource{Group: group, Resource: r.Singular},
		PredicateFunc:             r.predicate,
		CreateStrategy:            strategy,
		UpdateStrategy:            strategy,
		DeleteStrategy:            r.deleteStrategy(),
		ResetFieldsStrategy:       strategy,
		TableConvertor:            r.tableConvertor(),
		ReturnDeletedObject:       r.ReturnDeleted,
	}
	if r.TTL != 0 {
		store.TTLFunc = func(runtime.Object, uint64, bool) (uint64, error) { return r.TTL, nil }
	}
	if r.Customize != nil {
		r.Customize(store)
	}
	options := &generic.StoreOptions{RESTOptions: getter, AttrFunc: r.Attributes}
	if r.Indexed != "" {
		value := func(obj runtime.Object) string {
			_, set, err := r.Attributes(obj)
			if err != nil {
				return ""
			}
			return set[r.Indexed]
		}
		options.TriggerFunc = storage.IndexerFuncs{r.Indexed: value}
		options.Indexers = &cache.Indexers{storage.FieldIndex(r.Indexed): func(obj any) ([]string, error) {
			return []string{value(obj.(runtime.Object))}, nil
		}}
	}
	if err := store.CompleteWithOptions(options); err != nil {
		return nil, fmt.Errorf("store of %s: %w", store.DefaultQualifiedResource, err)
	}
	return store, nil
}

func (r *Resource[T]) predicate(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
	p := storage.SelectionPredicate{Label: label, Field: field, GetAttrs: r.Attributes}
	if r.Indexed != "" {
		p.IndexFields = []string{r.Indexed}
	}
	return p
}

// Attributes returns what selectors see of an object: its labels and its selectable fields.
func (r *Resource[T]) Attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	t, ok := obj.(T)
	if !ok {
		return nil, nil, fmt.Errorf("storage of %s: wanted a %T, got a %T", r.Plural, r.Object, obj)
	}
	set := fields.Set{}
	if r.Fields != nil {
		set = r.Fields(t)
	}
	set["metadata.name"] = t.GetName()
	if !r.Cluster {
		set["metadata.namespace"] = t.GetNamespace()
	}
	return t.GetLabels(), set, nil
}

// Installer is a Resource of any type.
type Installer interface {
	Install(m map[string]rest.Storage, getter generic.RESTOptionsGetter) (*REST, error)
}

// Install installs several resources into one map.
func Install(m map[string]rest.Storage, getter generic.RESTOptionsGetter, resources ...Installer) error {
	for _, r := range resources {
		if _, err := r.Install(m, getter); err != nil {
			return err
		}
	}
	return nil
}

// REST is the storage of a resource as the API group serves it.
type REST struct {
	*genericregistry.Store
	short, categories []string
}

// ShortNames implements rest.ShortNamesProvider.
func (r *REST) ShortNames() []string { return r.short }

// Categories implements rest.CategoriesProvider.
func (r *REST) Categories() []string { return r.categories }
