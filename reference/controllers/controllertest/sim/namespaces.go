package sim

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// held reports whether a finalizer keeps the object. A Namespace has another list
// of them.
func held(obj Object) bool {
	ns, ok := obj.(*corev1.Namespace)
	return len(obj.GetFinalizers()) > 0 || ok && len(ns.Spec.Finalizers) > 0
}

// admit refuses what is to be made in a namespace that is going away. One that was
// never made is there.
func (s *store) admit(resource schema.GroupVersionResource, obj Object) error {
	ns := s.get(namespaceResource, types.NamespacedName{Name: obj.GetNamespace()})
	if obj.GetNamespace() == "" || ns == nil || ns.GetDeletionTimestamp() == nil {
		return nil
	}
	err := apierrors.NewForbidden(resource.GroupResource(), obj.GetName(),
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", obj.GetNamespace()))
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type: corev1.NamespaceTerminatingCause, Message: fmt.Sprintf("namespace %s is being terminated", obj.GetNamespace()), Field: "metadata.namespace",
	})
	return err
}
