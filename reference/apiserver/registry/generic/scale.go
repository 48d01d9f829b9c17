package generic

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// Scaled says how many replicas an object of type T wants and has.
type Scaled[T Object] struct {
	// Replicas points to the place of spec.replicas.
	Replicas func(T) **int32
	// Observed returns status.replicas and the selector of the pods, as a string.
	Observed func(T) (replicas int32, selector string)
}

// Scale is the scale subresource: an autoscaling/v1 Scale as a view of its parent.
type Scale[T Object] struct {
	store  *genericregistry.Store
	gv     schema.GroupVersion
	scaled Scaled[T]
}

// NewScale returns the scale subresource of the objects in store, whose version is gv.
func NewScale[T Object](store *genericregistry.Store, gv schema.GroupVersion, scaled Scaled[T]) *Scale[T] {
	return &Scale[T]{store, gv, scaled}
}

// New implements rest.Storage.
func (r *Scale[T]) New() runtime.Object { return &autoscalingv1.Scale{} }

// Destroy implements rest.Storage; the parent owns the storage.
func (r *Scale[T]) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider: one Scale for all groups.
func (r *Scale[T]) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

// Get implements rest.Getter.
func (r *Scale[T]) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	obj, err := r.store.Get(ctx, name, options)
	if err != nil {
		return nil, err
	}
	return r.of(obj.(T))
}

// Update implements rest.Updater: it changes the parent's spec.replicas only.
func (r *Scale[T]) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	obj, _, err := r.store.Update(ctx, name, scaleInfo[T]{r, name, info}, nil, r.validation(update), false, options)
	if err != nil {
		return nil, false, err
	}
	scale, err := r.of(obj.(T))
	return scale, false, err
}

// ConvertToTable implements rest.TableConvertor.
func (r *Scale[T]) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return scaleTable.ConvertToTable(ctx, obj, options)
}

var scaleTable = table[*autoscalingv1.Scale]{columns: []Column[*autoscalingv1.Scale]{
	Name[*autoscalingv1.Scale](),
	{Name: "Desired", Type: Integer, Doc: autoscalingv1.ScaleSpec{}.SwaggerDoc()["replicas"],
		Cell: func(s *autoscalingv1.Scale) any { return int64(s.Spec.Replicas) }},
	{Name: "Available", Type: Integer, Doc: autoscalingv1.ScaleStatus{}.SwaggerDoc()["replicas"],
		Cell: func(s *autoscalingv1.Scale) any { return int64(s.Status.Replicas) }},
	Age[*autoscalingv1.Scale](),
}}

// of returns the Scale that obj shows, with the managers of its replicas.
func (r *Scale[T]) of(obj T) (*autoscalingv1.Scale, error) {
	managers, err := r.managers(obj).ToSubresource()
	if err != nil {
		return nil, err
	}
	observed, selector := r.scaled.Observed(obj)
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion(),
			CreationTimestamp: obj.GetCreationTimestamp(), ManagedFields: managers,
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: Deref(*r.scaled.Replicas(obj))},
		Status: autoscalingv1.ScaleStatus{Replicas: observed, Selector: selector},
	}, nil
}

func (r *Scale[T]) managers(obj T) *managedfields.ScaleHandler {
	paths := managedfields.ResourcePathMappings{r.gv.String(): fieldpath.MakePathOrDie("spec", "replicas")}
	return managedfields.NewScaleHandler(obj.GetManagedFields(), r.gv, paths)
}

// validation shows admission the Scales before and after instead of the parents.
func (r *Scale[T]) validation(f rest.ValidateObjectUpdateFunc) rest.ValidateObjectUpdateFunc {
	return func(ctx context.Context, obj, old runtime.Object) error {
		if f == nil {
			return nil
		}
		scale, err := r.of(obj.(T))
		if err != nil {
			return err
		}
		oldScale, err := r.of(old.(T))
		if err != nil {
			return err
		}
		return f(ctx, scale, oldScale)
	}
}

// scaleInfo turns the update of a Scale into an update of the parent.
type scaleInfo[T Object] struct {
	scale *Scale[T]
	name  string
	info  rest.UpdatedObjectInfo
}

// Preconditions implements rest.UpdatedObjectInfo.
func (i scaleInfo[T]) Preconditions() *metav1.Preconditions { return i.info.Preconditions() }

// UpdatedObject implements rest.UpdatedObjectInfo.
func (i scaleInfo[T]) UpdatedObject(ctx context.Context, oldObj runtime.Object) (runtime.Object, error) {
	r := i.scale
	parent := oldObj.DeepCopyObject().(T)
	old, err := r.of(parent)
	if err != nil {
		return nil, err
	}
	if old.ResourceVersion == "" {
		return nil, errors.NewNotFound(r.store.DefaultQualifiedResource, i.name)
	}
	obj, err := i.info.UpdatedObject(ctx, old)
	if err != nil {
		return nil, err
	}
	scale, ok := obj.(*autoscalingv1.Scale)
	if !ok || scale == nil {
		return nil, errors.NewBadRequest(fmt.Sprintf("wrong object passed to Scale update: %v", obj))
	}
	if errs := validation.Scale(scale); len(errs) > 0 {
		return nil, errors.NewInvalid(autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind(), i.name, errs)
	}
	if scale.UID != "" && scale.UID != parent.GetUID() {
		return nil, errors.NewConflict(r.store.DefaultQualifiedResource, i.name,
			fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", scale.UID, parent.GetUID()))
	}
	managers, err := r.managers(parent).ToParent(scale.ManagedFields)
	if err != nil {
		return nil, err
	}
	*r.scaled.Replicas(parent) = &scale.Spec.Replicas
	parent.SetResourceVersion(scale.ResourceVersion)
	parent.SetManagedFields(managers)
	return parent, nil
}
