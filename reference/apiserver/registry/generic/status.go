package generic

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// UpdateStrategy is the strategy of a subresource that is a view of its parent.
type UpdateStrategy interface {
	rest.RESTUpdateStrategy
	rest.ResetFieldsStrategy
}

// StatusStrategy lets a write change the status and nothing else of the object (but see
// StatusKeepsMeta).
func (r *Resource[T]) StatusStrategy() UpdateStrategy {
	resets := append([]string{"spec"}, r.StatusResets...)
	if r.StatusKeepsMeta {
		resets = append(resets, "metadata")
	}
	return r.UpdateStrategy(Update[T]{
		Prepare: func(ctx context.Context, obj, old T) {
			if r.Spec != nil {
				assign(r.Spec(obj), r.Spec(old))
			}
			if r.StatusKeepsMeta {
				metav1.ResetObjectMetaForStatus(obj, old)
			}
			if r.PrepareStatus != nil {
				r.PrepareStatus(ctx, obj, old)
			}
		},
		Validate: r.ValidateStatus,
		Resets:   resets,
	})
}

// Update is what is particular to writing a subresource of T.
type Update[T Object] struct {
	// Prepare puts back what the subresource may not change.
	Prepare  func(ctx context.Context, obj, old T)
	Validate func(obj, old T) field.ErrorList
	// Resets are the dotted paths that Prepare puts back.
	Resets []string
}

// UpdateStrategy returns the strategy of a subresource of r.
func (r *Resource[T]) UpdateStrategy(u Update[T]) UpdateStrategy {
	return viewStrategy[T]{strategy[T]{r: r}, u}
}

type viewStrategy[T Object] struct {
	strategy[T]
	u Update[T]
}

func (s viewStrategy[T]) PrepareForUpdate(ctx context.Context, o, old runtime.Object) {
	dropKinds(o, old)
	s.u.Prepare(ctx, o.(T), old.(T))
}

func (s viewStrategy[T]) ValidateUpdate(_ context.Context, o, old runtime.Object) field.ErrorList {
	return s.u.Validate(o.(T), old.(T))
}

func (viewStrategy[T]) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

func (s viewStrategy[T]) AllowCreateOnUpdate(context.Context) bool { return false }

func (s viewStrategy[T]) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.r.resetFields(s.u.Resets...)
}

func dotted(p string) fieldpath.Path {
	var parts []any
	for _, part := range strings.Split(p, ".") {
		parts = append(parts, part)
	}
	return fieldpath.MakePathOrDie(parts...)
}

// Subresource reads and writes the whole parent under another strategy: /status, /approval, ….
type Subresource struct {
	store *genericregistry.Store
}

// NewSubresource returns the subresource of the objects in store that is written by strategy. The
// store's hooks that begin or end a write do not run for it.
func NewSubresource(store *genericregistry.Store, strategy UpdateStrategy) *Subresource {
	view := *store
	view.CreateStrategy = nil
	view.UpdateStrategy, view.ResetFieldsStrategy = strategy, strategy
	view.BeginCreate, view.AfterCreate = nil, nil
	view.BeginUpdate, view.AfterUpdate = nil, nil
	return &Subresource{store: &view}
}

// Strategy is what writes follow.
func (r *Subresource) Strategy() rest.RESTUpdateStrategy { return r.store.UpdateStrategy }

// New implements rest.Storage.
func (r *Subresource) New() runtime.Object { return r.store.New() }

// Destroy implements rest.Storage; the parent owns the storage.
func (r *Subresource) Destroy() {}

// Get implements rest.Getter.
func (r *Subresource) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return r.store.Get(ctx, name, options)
}

// Update implements rest.Updater; it never creates.
func (r *Subresource) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	return r.store.Update(ctx, name, info, create, update, false, options)
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (r *Subresource) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return r.store.GetResetFields()
}

// ConvertToTable implements rest.TableConvertor.
func (r *Subresource) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return r.store.ConvertToTable(ctx, obj, options)
}
