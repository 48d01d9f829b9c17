package framework

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	"k8s.io/apimachinery/pkg/types"
)

// Hold is the finalizer of objects made by CreateHeld.
const Hold = "conformance.etalon.dev/hold"

const withoutFinalizers = `{"metadata":{"finalizers":null}}`

// CreateHeld creates an object that is gone only when LetGo is called, or the spec ends.
func (f *Framework) CreateHeld(ctx context.Context, object Object) {
	GinkgoHelper()
	object.SetFinalizers([]string{Hold})
	f.Create(ctx, object)
	f.LetGoAfterwards(object)
}

// LetGoAfterwards removes the finalizer when the spec ends, for an object that others have made with it.
func (f *Framework) LetGoAfterwards(object Object) {
	held := *f
	DeferCleanup(func(ctx SpecContext) {
		// It is an error only when it is gone already.
		_ = held.TryPatch(ctx, object.DeepCopyObject().(Object), types.MergePatchType, withoutFinalizers)
	}, NodeTimeout(scaled(CleanUpTimeout)))
}

// LetGo removes the finalizer.
func (f *Framework) LetGo(ctx context.Context, object Object) {
	GinkgoHelper()
	f.Patch(ctx, object, withoutFinalizers)
}
