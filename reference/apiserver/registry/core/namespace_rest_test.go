package core

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
)

// A deleted namespace stays, Terminating, until its finalizers have been emptied.
func TestNamespaceEnds(t *testing.T) {
	s, _ := newStorage(t)
	ctx := registrytest.In("")
	r := s.Map["namespaces"].(*namespaceREST)
	obj, err := r.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "ns-"}}, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ns := obj.(*corev1.Namespace)
	name := ns.Name
	if ns.Status.Phase != corev1.NamespaceActive || !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) || ns.Labels[corev1.LabelMetadataName] != name {
		t.Fatalf("created: %+v", ns)
	}

	wrong := &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: ptr.To(ns.UID + "x")}}
	if _, _, err := r.Delete(ctx, name, rest.ValidateAllObjectFunc, wrong); !apierrors.IsConflict(err) {
		t.Errorf("another's UID: %v", err)
	}
	for range 2 { // the second request changes nothing
		obj, gone, err := r.Delete(ctx, name, rest.ValidateAllObjectFunc, &metav1.DeleteOptions{})
		if err != nil || gone {
			t.Fatalf("delete: gone %v, %v", gone, err)
		}
		if ns = obj.(*corev1.Namespace); ns.Status.Phase != corev1.NamespaceTerminating || ns.DeletionTimestamp == nil {
			t.Fatalf("deleted: %+v", ns)
		}
	}

	finalize := s.Map["namespaces/finalize"].(finalizeREST)
	info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		n := old.DeepCopyObject().(*corev1.Namespace)
		n.Spec.Finalizers, n.Status.Phase = nil, corev1.NamespaceActive
		return n, nil
	})
	obj, _, err = finalize.Update(ctx, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if err != nil || obj.(*corev1.Namespace).Status.Phase != corev1.NamespaceTerminating {
		t.Fatalf("finalize: %v, %+v", err, obj)
	}
	if _, err := r.Get(ctx, name, &metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after the last finalizer: %v", err)
	}
}

func TestPropagationFinalizers(t *testing.T) {
	for _, c := range []struct {
		old    []string
		policy metav1.DeletionPropagation
		want   []string
	}{
		{[]string{"x"}, "", []string{"x"}},
		{[]string{"x", "orphan"}, "", []string{"x", "orphan"}},
		{[]string{"x"}, metav1.DeletePropagationForeground, []string{"x", "foregroundDeletion"}},
		{[]string{"foregroundDeletion"}, metav1.DeletePropagationOrphan, []string{"orphan"}},
		{[]string{"orphan"}, metav1.DeletePropagationBackground, nil},
	} {
		options := &metav1.DeleteOptions{}
		if c.policy != "" {
			options.PropagationPolicy = &c.policy
		}
		if got := propagationFinalizers(c.old, options); !slices.Equal(got, c.want) {
			t.Errorf("%v %s: got %v, want %v", c.old, c.policy, got, c.want)
		}
	}
}
