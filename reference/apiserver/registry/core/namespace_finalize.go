package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// finalize lets a write change spec.finalizers: how the namespace controller says that all is gone.
var finalize = generic.Update[*corev1.Namespace]{
	Prepare:  func(_ context.Context, n, old *corev1.Namespace) { n.Status = old.Status },
	Validate: validation.NamespaceFinalizeUpdate,
	Resets:   []string{"status"},
}

// finalizeREST is namespaces/finalize: it can be put, not read.
type finalizeREST struct{ view *generic.Subresource }

func (r finalizeREST) New() runtime.Object { return r.view.New() }

// Strategy is what writes follow.
func (r finalizeREST) Strategy() rest.RESTUpdateStrategy { return r.view.Strategy() }

func (r finalizeREST) Destroy() {}

func (r finalizeREST) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, forceAllowCreate bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	return r.view.Update(ctx, name, info, create, update, forceAllowCreate, options)
}

func (r finalizeREST) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return r.view.GetResetFields()
}
