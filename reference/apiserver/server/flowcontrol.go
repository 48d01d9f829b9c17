package server

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	flowcontrolbootstrap "k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// flowControlRetry is how long to wait after the default flow control could not be written.
const flowControlRetry = time.Second

// keepFlowControl creates the mandatory and suggested flow schemas and priority levels and keeps them: whenever one of them
// changes or goes, it is looked after again. See the documentation, "API Priority and Fairness: Maintenance of the Mandatory and
// Suggested Configuration Objects", which lets up to a minute pass.
func (b *builtInServer) keepFlowControl(hook genericapiserver.PostStartHookContext) error {
	if err := insist(hook, b.client, ensureFlowControl); err != nil {
		return err
	}
	wake := make(chan struct{}, 1)
	touch := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	changed := cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(old, current any) {
			// What the server itself writes into the status changes neither.
			if o, c := old.(metav1.Object), current.(metav1.Object); o.GetGeneration() != c.GetGeneration() || !maps.Equal(o.GetAnnotations(), c.GetAnnotations()) {
				touch()
			}
		},
		DeleteFunc: func(any) { touch() },
	}
	informers := b.shared.Flowcontrol().V1()
	for _, informer := range []cache.SharedIndexInformer{informers.PriorityLevelConfigurations().Informer(), informers.FlowSchemas().Informer()} {
		if _, err := informer.AddEventHandler(changed); err != nil {
			return err
		}
	}
	go func() {
		for {
			select {
			case <-wake:
			case <-hook.Done():
				return
			}
			if err := ensureFlowControl(hook, b.client); err != nil && hook.Err() == nil {
				klog.FromContext(hook).Error(err, "Cannot restore the default flow schemas and priority levels")
				time.AfterFunc(flowControlRetry, touch)
			}
		}
	}()
	return nil
}

// ensureFlowControl makes the mandatory objects what they must be, and the suggested ones what k8s.io/apiserver suggests unless
// an administrator took them over.
func ensureFlowControl(ctx context.Context, client kubernetes.Interface) error {
	api := client.FlowcontrolV1()
	levels, err := api.PriorityLevelConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	schemas, err := api.FlowSchemas().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return errors.Join(
		ensureConfiguration(ctx, levels.Items, levelKind, flowcontrolbootstrap.MandatoryPriorityLevelConfigurations,
			flowcontrolbootstrap.SuggestedPriorityLevelConfigurations, api.PriorityLevelConfigurations()),
		ensureConfiguration(ctx, schemas.Items, schemaKind, flowcontrolbootstrap.MandatoryFlowSchemas,
			flowcontrolbootstrap.SuggestedFlowSchemas, api.FlowSchemas()))
}

// configurationKind is what the two kinds of flow control have in common, over a pointer to one of T.
type configurationKind[T any, P configuration[T]] struct {
	// take gives into the wanted spec; what administrators may always change of it stays.
	take func(into, want P)
}

type configuration[T any] interface {
	*T
	runtime.Object
	metav1.Object
	DeepCopy() *T
}

var (
	levelKind = configurationKind[flowcontrolv1.PriorityLevelConfiguration, *flowcontrolv1.PriorityLevelConfiguration]{
		take: func(into, want *flowcontrolv1.PriorityLevelConfiguration) {
			exempt := into.Spec.Exempt
			want.Spec.DeepCopyInto(&into.Spec)
			if into.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt && exempt != nil {
				into.Spec.Exempt = exempt
			}
		},
	}
	schemaKind = configurationKind[flowcontrolv1.FlowSchema, *flowcontrolv1.FlowSchema]{
		take: func(into, want *flowcontrolv1.FlowSchema) { want.Spec.DeepCopyInto(&into.Spec) },
	}
)

// maintained is what have is to become, and whether that differs. The annotation tells whether the server owns the spec, always
// of a mandatory object; without it, or if it is no boolean, the server does as long as nobody changed the spec.
func (k configurationKind[T, P]) maintained(have, want P, mandatory bool) (P, bool) {
	annotated, err := strconv.ParseBool(have.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey])
	ours := annotated
	if err != nil {
		ours = have.GetGeneration() == 1
	}
	ours = ours || mandatory
	next := P(have.DeepCopy())
	if ours {
		want = P(want.DeepCopy())
		scheme.Scheme.Default(want)
		k.take(next, want)
	}
	if err != nil || annotated != ours {
		annotations := map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: strconv.FormatBool(ours)}
		for key, value := range next.GetAnnotations() {
			if key != flowcontrolv1.AutoUpdateAnnotationKey {
				annotations[key] = value
			}
		}
		next.SetAnnotations(annotations)
	}
	return next, !equality.Semantic.DeepEqual(have, next)
}

// configurationClient is as much of a typed client as it takes.
type configurationClient[P any] interface {
	Create(context.Context, P, metav1.CreateOptions) (P, error)
	Update(context.Context, P, metav1.UpdateOptions) (P, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
}

// ensureConfiguration creates what is missing, updates what differs and removes what an earlier release had by default.
func ensureConfiguration[T any, P configuration[T]](ctx context.Context, have []T, kind configurationKind[T, P], mandatory, suggested []P, api configurationClient[P]) error {
	existing := map[string]P{}
	for i := range have {
		existing[P(&have[i]).GetName()] = &have[i]
	}
	var errs []error
	ensure := func(wanted []P, mandatory bool) {
		for _, want := range wanted {
			old, found := existing[want.GetName()]
			delete(existing, want.GetName())
			if !found {
				_, err := api.Create(ctx, want, metav1.CreateOptions{})
				errs = append(errs, unlessExists(err))
			} else if next, differs := kind.maintained(old, want, mandatory); differs {
				_, err := api.Update(ctx, next, metav1.UpdateOptions{})
				errs = append(errs, err)
			}
		}
	}
	ensure(mandatory, true)
	ensure(suggested, false)
	for name, stray := range existing {
		if ours, err := strconv.ParseBool(stray.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]); err == nil && ours {
			uid, version := stray.GetUID(), stray.GetResourceVersion()
			err := api.Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
			if !apierrors.IsNotFound(err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
