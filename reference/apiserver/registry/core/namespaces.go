package core

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// Namespaces is the namespaces resource; how they end is in namespace_rest.go.
var Namespaces = generic.Resource[*corev1.Namespace]{
	GV: corev1.SchemeGroupVersion, Plural: "namespaces", Singular: "namespace", Short: []string{"ns"}, Cluster: true,
	Object: &corev1.Namespace{}, List: &corev1.NamespaceList{},
	Spec:   func(n *corev1.Namespace) any { return &n.Spec },
	Status: func(n *corev1.Namespace) any { return &n.Status },
	PrepareCreate: func(_ context.Context, n *corev1.Namespace) {
		n.Status.Phase = corev1.NamespaceActive
		if !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
			n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
		}
		labelWithName(n) // a generated name was not known when defaults were set
	},
	PrepareUpdate: func(_ context.Context, n, old *corev1.Namespace) {
		n.Spec.Finalizers = old.Spec.Finalizers
		labelWithName(n)
	},
	Validate:       validation.Namespace,
	ValidateUpdate: validation.NamespaceUpdate,
	ValidateStatus: validation.NamespaceStatusUpdate,
	Fields: func(n *corev1.Namespace) fields.Set {
		return fields.Set{"status.phase": string(n.Status.Phase)}
	},
	Columns: []generic.Column[*corev1.Namespace]{
		generic.Name[*corev1.Namespace](),
		{Name: "Status", Doc: "The status of the namespace", Cell: func(n *corev1.Namespace) any { return string(n.Status.Phase) }},
		generic.Age[*corev1.Namespace](),
	},
	Customize: func(s *genericregistry.Store) {
		s.ShouldDeleteDuringUpdate = func(_ context.Context, _ string, obj, _ runtime.Object) bool {
			return len(obj.(*corev1.Namespace).Spec.Finalizers) == 0
		}
	},
}

// labelWithName sets the label by which selectors find a namespace by its name.
func labelWithName(n *corev1.Namespace) {
	if n.Name == "" {
		return
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
}

// markTerminating begins the end of a namespace.
func markTerminating(n *corev1.Namespace, options *metav1.DeleteOptions, now metav1.Time) {
	if n.DeletionTimestamp.IsZero() {
		n.DeletionTimestamp = &now
	}
	n.Status.Phase = corev1.NamespaceTerminating
	n.Finalizers = propagationFinalizers(n.Finalizers, options)
}

// propagationFinalizers sets the garbage collector's finalizers as a deletion asks for them.
func propagationFinalizers(old []string, options *metav1.DeleteOptions) []string {
	orphan := slices.Contains(old, metav1.FinalizerOrphanDependents)
	foreground := slices.Contains(old, metav1.FinalizerDeleteDependents)
	if options.OrphanDependents != nil { //nolint:staticcheck // clients may still send it
		orphan, foreground = *options.OrphanDependents, false //nolint:staticcheck
	}
	if options.PropagationPolicy != nil {
		orphan = *options.PropagationPolicy == metav1.DeletePropagationOrphan
		foreground = *options.PropagationPolicy == metav1.DeletePropagationForeground
	}
	finalizers := slices.DeleteFunc(slices.Clone(old), func(f string) bool {
		return f == metav1.FinalizerOrphanDependents || f == metav1.FinalizerDeleteDependents
	})
	if orphan {
		finalizers = append(finalizers, metav1.FinalizerOrphanDependents)
	}
	if foreground {
		finalizers = append(finalizers, metav1.FinalizerDeleteDependents)
	}
	return finalizers
}
