package generic

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// typed gives a strategy the kinds of objects and the names made from generateName.
type typed struct{}

func (typed) ObjectKinds(obj runtime.Object) ([]schema.GroupVersionKind, bool, error) {
	return scheme.Scheme.ObjectKinds(obj)
}
func (typed) Recognizes(gvk schema.GroupVersionKind) bool { return scheme.Scheme.Recognizes(gvk) }
func (typed) GenerateName(base string) string {
	return names.SimpleNameGenerator.GenerateName(base)
}

// strategy makes a Resource's rules those of its main resource.
type strategy[T Object] struct {
	typed
	r *Resource[T]
}

func (s strategy[T]) NamespaceScoped() bool { return !s.r.Cluster }

func (s strategy[T]) PrepareForCreate(ctx context.Context, o runtime.Object) {
	obj := o.(T)
	if s.r.Drop != nil {
		var none T
		s.r.Drop(obj, none)
	}
	if s.r.Status != nil && !s.r.StatusOnCreate {
		clear(s.r.Status(obj))
	}
	if s.r.Generation {
		obj.SetGeneration(1)
	}
	if s.r.PrepareCreate != nil {
		s.r.PrepareCreate(ctx, obj)
	}
}

func (s strategy[T]) PrepareForUpdate(ctx context.Context, o, oldObj runtime.Object) {
	dropKinds(o, oldObj)
	obj, old := o.(T), oldObj.(T)
	if s.r.Drop != nil {
		s.r.Drop(obj, old)
	}
	if s.r.Status != nil {
		assign(s.r.Status(obj), s.r.Status(old))
	}
	if s.r.PrepareUpdate != nil {
		s.r.PrepareUpdate(ctx, obj, old)
	}
	if s.r.Generation && s.changed(obj, old) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

// dropKinds takes apiVersion and kind off objects in memory, where the machinery compares what is
// stored with what is to be stored, and takes a write that changes nothing but times for none. With
// one Go type for all versions, conversions leave on one of them what they leave off the other.
func dropKinds(objects ...runtime.Object) {
	for _, o := range objects {
		o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	}
}

func (s strategy[T]) changed(obj, old T) bool {
	if s.r.Changed != nil {
		return s.r.Changed(obj, old)
	}
	return !equality.Semantic.DeepEqual(s.r.Spec(obj), s.r.Spec(old))
}

func (s strategy[T]) Validate(ctx context.Context, o runtime.Object) field.ErrorList {
	if s.r.ValidateFor != nil {
		return s.r.ValidateFor(s.spoken(ctx), o.(T))
	}
	return s.r.Validate(o.(T))
}

func (s strategy[T]) ValidateUpdate(ctx context.Context, o, old runtime.Object) field.ErrorList {
	if s.r.ValidateUpdateFor != nil {
		return s.r.ValidateUpdateFor(s.spoken(ctx), o.(T), old.(T))
	}
	return s.r.ValidateUpdate(o.(T), old.(T))
}

func (s strategy[T]) WarningsOnCreate(_ context.Context, o runtime.Object) []string {
	if s.r.Warnings == nil {
		return nil
	}
	var none T
	return s.r.Warnings(o.(T), none)
}

func (s strategy[T]) WarningsOnUpdate(_ context.Context, o, old runtime.Object) []string {
	if s.r.Warnings == nil {
		return nil
	}
	return s.r.Warnings(o.(T), old.(T))
}

func (s strategy[T]) Canonicalize(o runtime.Object) {
	if s.r.Canonicalize != nil {
		s.r.Canonicalize(o.(T))
	}
}

func (s strategy[T]) AllowCreateOnUpdate(context.Context) bool      { return s.r.CreateOnUpdate }
func (s strategy[T]) AllowUnconditionalUpdate(context.Context) bool { return !s.r.RequireVersion }

// GetResetFields names what an apply to the main resource cannot own.
func (s strategy[T]) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if s.r.Status == nil {
		return nil
	}
	return s.r.resetFields("status")
}

// resetFields names fields (dotted paths) that a strategy puts back to what they were, in every version.
func (r *Resource[T]) resetFields(paths ...string) map[fieldpath.APIVersion]*fieldpath.Set {
	set := fieldpath.NewSet()
	for _, p := range paths {
		set.Insert(dotted(p))
	}
	sets := map[fieldpath.APIVersion]*fieldpath.Set{fieldpath.APIVersion(r.GV.String()): set}
	for _, gv := range r.Also {
		sets[fieldpath.APIVersion(gv.String())] = set
	}
	return sets
}

// clear sets what p points to to its zero value.
func clear(p any) { reflect.ValueOf(p).Elem().SetZero() }

// assign copies what src points to to where dst points.
func assign(dst, src any) { reflect.ValueOf(dst).Elem().Set(reflect.ValueOf(src).Elem()) }

// deleteStrategy returns the strategy that DELETE follows. The generic store looks at which
// interfaces it has, so there is one type for each combination that occurs.
func (r *Resource[T]) deleteStrategy() rest.RESTDeleteStrategy {
	switch {
	case r.Grace != nil:
		return graceful[T]{r: r}
	case r.Propagation != nil:
		return collected[T]{r: r}
	default:
		return typed{}
	}
}

type graceful[T Object] struct {
	typed
	r *Resource[T]
}

// CheckGracefulDelete implements rest.RESTGracefulDeleteStrategy.
func (s graceful[T]) CheckGracefulDelete(_ context.Context, o runtime.Object, options *metav1.DeleteOptions) bool {
	if options == nil {
		return false
	}
	s.r.Grace(o.(T), options)
	return true
}

type collected[T Object] struct {
	typed
	r *Resource[T]
}

// DefaultGarbageCollectionPolicy implements rest.GarbageCollectionDeleteStrategy.
func (s collected[T]) DefaultGarbageCollectionPolicy(ctx context.Context) rest.GarbageCollectionPolicy {
	return s.r.Propagation(ctx)
}
