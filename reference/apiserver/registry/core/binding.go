package core

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storeerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// binding is the pods/binding subresource: it assigns a pod to a node, once.
type binding struct{ pods *genericregistry.Store }

// New implements rest.Storage.
func (r *binding) New() runtime.Object { return &corev1.Binding{} }

// Destroy implements rest.Storage; pods own the storage.
func (r *binding) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (r *binding) NamespaceScoped() bool { return true }

// PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate keeps the UID that the binding names.
func (r *binding) PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate() bool { return true }

// Create implements rest.NamedCreater.
func (r *binding) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	b, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %#v", obj))
	}
	if name != b.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if errs := validation.Binding(b); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	if validate != nil {
		if err := validate(ctx, b.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if err := r.assign(ctx, b, dryrun.IsDryRun(options.DryRun)); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

func (r *binding) assign(ctx context.Context, b *corev1.Binding, dryRun bool) error {
	key, err := r.pods.KeyFunc(ctx, b.Name)
	if err != nil {
		return err
	}
	pre := &storage.Preconditions{}
	if b.UID != "" {
		pre.UID = &b.UID
	}
	if b.ResourceVersion != "" {
		pre.ResourceVersion = &b.ResourceVersion
	}
	err = r.pods.Storage.GuaranteedUpdate(ctx, key, &corev1.Pod{}, false, pre, storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
		p := obj.(*corev1.Pod)
		return p, bind(p, b)
	}), dryRun, nil)
	if err == nil {
		return nil
	}
	err = storeerr.InterpretGetError(err, corev1.Resource("pods"), b.Name)
	err = storeerr.InterpretUpdateError(err, corev1.Resource("pods"), b.Name)
	if status := apierrors.APIStatus(nil); !errors.As(err, &status) {
		err = apierrors.NewConflict(corev1.Resource("pods/binding"), b.Name, err)
	}
	return err
}

// bind assigns p to the node that b names, unless p is assigned, on its way out or held back.
// Labels and annotations of the binding become the pod's (KEP-4742).
func bind(p *corev1.Pod, b *corev1.Binding) error {
	switch {
	case p.DeletionTimestamp != nil:
		return fmt.Errorf("pod %s is being deleted, cannot be assigned to a host", p.Name)
	case p.Spec.NodeName != "":
		return fmt.Errorf("pod %v is already assigned to node %q", p.Name, p.Spec.NodeName)
	case len(p.Spec.SchedulingGates) > 0:
		return fmt.Errorf("pod %v has non-empty .spec.schedulingGates", p.Name)
	}
	p.Spec.NodeName = b.Target.Name
	p.Annotations = overlaid(p.Annotations, b.Annotations)
	p.Labels = overlaid(p.Labels, b.Labels)
	setPodCondition(&p.Status, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue})
	return nil
}

func overlaid(base, over map[string]string) map[string]string {
	if base == nil && len(over) > 0 {
		base = map[string]string{}
	}
	maps.Copy(base, over)
	return base
}

// bindings is the older spelling: POST to the namespace's bindings.
type bindings struct{ binding *binding }

// New implements rest.Storage.
func (r bindings) New() runtime.Object { return r.binding.New() }

// Destroy implements rest.Storage.
func (r bindings) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (r bindings) NamespaceScoped() bool { return true }

// GetSingularName implements rest.SingularNameProvider.
func (r bindings) GetSingularName() string { return "binding" }

// Create implements rest.Creater.
func (r bindings) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	b, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %#v", obj))
	}
	return r.binding.Create(ctx, b.Name, obj, validate, options)
}
