package core

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storeerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
	"k8s.io/client-go/util/retry"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// eviction is the pods/eviction subresource: a delete that asks the pod's disruption budget first.
type eviction struct {
	pods    *genericregistry.Store
	budgets *genericregistry.Store // PodDisruptionBudgets
}

// New implements rest.Storage.
func (r *eviction) New() runtime.Object { return &policyv1.Eviction{} }

// Destroy implements rest.Storage; pods own the storage.
func (r *eviction) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (r *eviction) NamespaceScoped() bool { return true }

// GroupVersionKind implements rest.GroupVersionKindProvider.
func (r *eviction) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}

// AcceptsGroupVersion implements rest.GroupVersionAcceptor.
func (r *eviction) AcceptsGroupVersion(gv schema.GroupVersion) bool {
	return gv == policyv1.SchemeGroupVersion
}

// Create implements rest.NamedCreater.
func (r *eviction) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	e, ok := obj.(*policyv1.Eviction)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Eviction object: %T", obj))
	}
	if name != e.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	deletion := &metav1.DeleteOptions{}
	if e.DeleteOptions != nil {
		deletion = e.DeleteOptions.DeepCopy()
	}
	if len(options.DryRun) > 0 {
		deletion.DryRun = options.DryRun
	}
	if validate != nil {
		if err := validate(ctx, e.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	attempt := evictionAttempt{eviction: r, deletion: deletion}
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { return attempt.evict(ctx, name) })
	if err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// evictionAttempt is an eviction that is tried until nothing comes in between.
type evictionAttempt struct {
	*eviction
	deletion *metav1.DeleteOptions
	spent    types.UID // the pod for which a disruption has been taken from its budget
}

// evict asks the pod's budget, then marks and deletes the pod. Where no budget was spent, because the
// pod's state did not call for it, the pod must still be in that state: else it is a conflict. What the
// request itself demands is looked at before anything is spent on it.
func (a *evictionAttempt) evict(ctx context.Context, name string) error {
	obj, err := a.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return err
	}
	pod := obj.(*corev1.Pod)
	wanted := generic.Deref(a.deletion.Preconditions)
	err = (&storage.Preconditions{UID: wanted.UID, ResourceVersion: wanted.ResourceVersion}).Check(pod.Name, pod)
	if err != nil {
		return storeerr.InterpretUpdateError(err, corev1.Resource("pods"), pod.Name)
	}
	if wanted.UID == nil {
		wanted.UID = &pod.UID
	}
	if !mayIgnoreBudget(pod) {
		budget, err := a.budgetOf(ctx, pod)
		if err != nil {
			return err
		}
		if budget != nil && countsAsHealthy(pod, budget) {
			if a.spent != pod.UID {
				if err := a.spend(ctx, budget, pod, dryrun.IsDryRun(a.deletion.DryRun)); err != nil {
					return err
				}
				a.spent = pod.UID
			}
			return a.markAndDelete(ctx, pod, wanted, a.deletion)
		}
	}
	if wanted.ResourceVersion == nil {
		wanted.ResourceVersion = &pod.ResourceVersion
	}
	return a.markAndDelete(ctx, pod, wanted, a.deletion)
}

// markAndDelete tells in the pod's status why it goes, and lets it go.
func (r *eviction) markAndDelete(ctx context.Context, pod *corev1.Pod, pre metav1.Preconditions, deletion *metav1.DeleteOptions) error {
	key, err := r.pods.KeyFunc(ctx, pod.Name)
	if err != nil {
		return err
	}
	marked := &corev1.Pod{}
	err = r.pods.Storage.GuaranteedUpdate(ctx, key, marked, false, &storage.Preconditions{UID: pre.UID, ResourceVersion: pre.ResourceVersion},
		storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
			p := obj.(*corev1.Pod)
			setPodCondition(&p.Status, corev1.PodCondition{
				Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, ObservedGeneration: p.Generation,
				Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
			})
			return p, nil
		}), dryrun.IsDryRun(deletion.DryRun), nil)
	if err != nil {
		return storeerr.InterpretUpdateError(err, corev1.Resource("pods"), pod.Name)
	}
	deletion = deletion.DeepCopy()
	deletion.Preconditions = &metav1.Preconditions{UID: pre.UID}
	if pre.ResourceVersion != nil && marked.ResourceVersion != "" {
		deletion.Preconditions.ResourceVersion = &marked.ResourceVersion
	}
	_, _, err = r.pods.Delete(ctx, pod.Name, rest.ValidateAllObjectFunc, deletion)
	return err
}

// budgetOf finds the one budget that covers pod; nil if there is none.
func (r *eviction) budgetOf(ctx context.Context, pod *corev1.Pod) (*policyv1.PodDisruptionBudget, error) {
	obj, err := r.budgets.List(ctx, nil)
	if err != nil {
		return nil, err
	}
	var found *policyv1.PodDisruptionBudget
	budgets := obj.(*policyv1.PodDisruptionBudgetList).Items
	for i := range budgets {
		selector, err := metav1.LabelSelectorAsSelector(budgets[i].Spec.Selector)
		if err != nil || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		if found != nil {
			return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: 500, Reason: metav1.StatusReasonInternalError,
				Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
			}}
		}
		found = &budgets[i]
	}
	return found, nil
}

// spend takes one disruption from the budget.
func (r *eviction) spend(ctx context.Context, budget *policyv1.PodDisruptionBudget, pod *corev1.Pod, dryRun bool) error {
	key, err := r.budgets.KeyFunc(ctx, budget.Name)
	if err != nil {
		return err
	}
	pre := &storage.Preconditions{UID: &budget.UID}
	return r.budgets.Storage.GuaranteedUpdate(ctx, key, &policyv1.PodDisruptionBudget{}, false, pre, storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
		b := obj.(*policyv1.PodDisruptionBudget)
		return b, spendDisruption(b, pod.Name, metav1.Now())
	}), dryRun, nil)
}
