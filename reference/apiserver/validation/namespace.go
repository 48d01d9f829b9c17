package validation

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Namespace checks a new namespace.
func Namespace(n *corev1.Namespace) field.ErrorList {
	errs := newMeta(&n.ObjectMeta, clusterScoped, labelName)
	for _, f := range n.Spec.Finalizers {
		errs = append(errs, finalizerName(specPath.Child("finalizers"), string(f))...)
	}
	return errs
}

// finalizerName: names without a domain are Kubernetes' own.
func finalizerName(p *field.Path, name string) field.ErrorList {
	errs := qualifiedName(p, name)
	if !strings.Contains(name, "/") && name != string(corev1.FinalizerKubernetes) &&
		name != metav1.FinalizerOrphanDependents && name != metav1.FinalizerDeleteDependents {
		errs = append(errs, field.Invalid(p, name, "name is neither a standard finalizer name nor is it fully qualified"))
	}
	return errs
}

// NamespaceUpdate checks a replacement of a namespace; its spec and status have their own subresources.
func NamespaceUpdate(n, old *corev1.Namespace) field.ErrorList {
	return append(updatedMeta(&n.ObjectMeta, &old.ObjectMeta), newMeta(&n.ObjectMeta, clusterScoped, labelName)...)
}

// NamespaceStatusUpdate checks a write to a namespace's status: its phase says whether it is being deleted.
func NamespaceStatusUpdate(n, old *corev1.Namespace) field.ErrorList {
	errs := updatedMeta(&n.ObjectMeta, &old.ObjectMeta)
	phase := statusPath.Child("Phase")
	switch deleted := n.DeletionTimestamp != nil; {
	case !deleted && n.Status.Phase != corev1.NamespaceActive:
		errs = append(errs, field.Invalid(phase, n.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty"))
	case deleted && n.Status.Phase != corev1.NamespaceTerminating:
		errs = append(errs, field.Invalid(phase, n.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"))
	}
	return errs
}

// NamespaceFinalizeUpdate checks a write to namespaces/finalize.
func NamespaceFinalizeUpdate(n, old *corev1.Namespace) field.ErrorList {
	errs := updatedMeta(&n.ObjectMeta, &old.ObjectMeta)
	for i, f := range n.Spec.Finalizers {
		errs = append(errs, finalizerName(specPath.Child("finalizers").Index(i), string(f))...)
	}
	return errs
}
