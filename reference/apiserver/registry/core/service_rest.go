package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// serviceREST serves services: around every write it takes the numbers that the Service needs before,
// and releases those that turn out not to be needed after, when the outcome is known. (The store's own
// finish functions run before an update is committed.)
type serviceREST struct {
	*generic.REST
	numbers *serviceNumbers
}

type attemptKey struct{}

func (r *serviceREST) begin(ctx context.Context, dryRun []string) (context.Context, *attempt) {
	a := &attempt{claim: allocator.Claim{DryRun: dryrun.IsDryRun(dryRun)}}
	return context.WithValue(ctx, attemptKey{}, a), a
}

// Create implements rest.Creater.
func (r *serviceREST) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	ctx, a := r.begin(ctx, options.DryRun)
	out, err := r.REST.Create(ctx, obj, validate, options)
	r.numbers.settle(ctx, a, err == nil)
	return out, err
}

// Update implements rest.Updater.
func (r *serviceREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, forceAllowCreate bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	ctx, a := r.begin(ctx, options.DryRun)
	out, created, err := r.REST.Update(ctx, name, info, create, update, forceAllowCreate, options)
	r.numbers.settle(ctx, a, err == nil)
	return out, created, err
}

// hooks puts the allocation into the store's writes.
func (n *serviceNumbers) hooks(endpoints func() *genericregistry.Store) func(*genericregistry.Store) {
	done := func(context.Context, bool) {}
	return func(store *genericregistry.Store) {
		store.BeginCreate = func(ctx context.Context, obj runtime.Object, _ *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
			s := obj.(*corev1.Service)
			if s.Namespace == "" {
				s.Namespace = genericapirequest.NamespaceValue(ctx)
			}
			normalizeClusterIPs(s, nil)
			if len(path.IsValidPathSegmentName(s.Name)) > 0 {
				// No address can be held under such a name. Validation, which comes next, says so better.
				return done, nil
			}
			return done, n.allocate(ctx, n.retry(ctx), s, nil)
		}
		store.BeginUpdate = func(ctx context.Context, obj, old runtime.Object, _ *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
			s, was := obj.(*corev1.Service), old.(*corev1.Service)
			keepAllocated(s, was)
			normalizeClusterIPs(s, was)
			dropUnneeded(s, was)
			dropSecondary(s, was)
			return done, n.allocate(ctx, n.retry(ctx), s, was)
		}
		store.AfterDelete = func(obj runtime.Object, options *metav1.DeleteOptions) {
			if dryrun.IsDryRun(options.DryRun) {
				return
			}
			s := obj.(*corev1.Service)
			ctx := genericapirequest.WithNamespace(genericapirequest.NewContext(), s.Namespace)
			// A new Service of this name must not find the old one's endpoints.
			_, _, _ = endpoints().Delete(ctx, s.Name, rest.ValidateAllObjectFunc, &metav1.DeleteOptions{})
			n.release(ctx, allocator.Holder{Namespace: s.Namespace, Name: s.Name}, numbersOf(s))
		}
	}
}

// retry returns the attempt of the request, and gives back what an earlier try of it took: the store
// tries again when a generated name exists already or the object changed meanwhile.
func (n *serviceNumbers) retry(ctx context.Context) *attempt {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		a = &attempt{}
	}
	n.settle(ctx, a, false)
	*a = attempt{claim: allocator.Claim{DryRun: a.claim.DryRun}}
	return a
}
