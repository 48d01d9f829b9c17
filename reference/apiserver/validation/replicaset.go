package validation

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ReplicaSet checks a new ReplicaSet.
func ReplicaSet(r *appsv1.ReplicaSet) field.ErrorList {
	s := &r.Spec
	errs := newMeta(&r.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, replicas(specPath.Child("replicas"), s.Replicas)...)
	errs = append(errs, nonNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds)...)
	errs = append(errs, workload{path: specPath, selector: s.Selector, template: &s.Template, emptyFor: "deployment"}.selected()...)
	return append(errs, keptRunning(specPath.Child("template"), &s.Template, "ReplicaSet")...)
}

// ReplicaSetUpdate checks a replacement of a ReplicaSet.
func ReplicaSetUpdate(r, old *appsv1.ReplicaSet) field.ErrorList {
	errs := append(updatedMeta(&r.ObjectMeta, &old.ObjectMeta), ReplicaSet(r)...)
	return append(errs, unchanged(specPath.Child("selector"), r.Spec.Selector, old.Spec.Selector)...)
}

// ReplicaSetStatusUpdate checks a write to a ReplicaSet's status.
func ReplicaSetStatusUpdate(r, old *appsv1.ReplicaSet) field.ErrorList {
	errs := append(updatedMeta(&r.ObjectMeta, &old.ObjectMeta), replicaCounts(r.Status.Replicas, r.Status.FullyLabeledReplicas,
		r.Status.ReadyReplicas, r.Status.AvailableReplicas)...)
	return append(errs, nonNegative(statusPath.Child("observedGeneration"), r.Status.ObservedGeneration)...)
}

func replicaCounts(all, labelled, ready, available int32) field.ErrorList {
	return counts(
		count{"replicas", all, -1, ""},
		count{"fullyLabeledReplicas", labelled, all, moreThanReplicas},
		count{"readyReplicas", ready, all, moreThanReplicas},
		count{"availableReplicas", available, min(all, ready), tighter(available, all, moreThanReplicas, moreThanReady)},
	)
}

// tighter words the bound that value breaks, of two that it must keep.
func tighter(value, outer int32, outerDetail, innerDetail string) string {
	if value > outer {
		return outerDetail
	}
	return innerDetail
}

// ReplicationController checks a new ReplicationController.
func ReplicationController(r *corev1.ReplicationController) field.ErrorList {
	s := &r.Spec
	errs := newMeta(&r.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, nonNegative(specPath.Child("minReadySeconds"), s.MinReadySeconds)...)
	if len(s.Selector) == 0 {
		errs = append(errs, field.Required(specPath.Child("selector"), ""))
	}
	errs = append(errs, replicas(specPath.Child("replicas"), s.Replicas)...)
	template := specPath.Child("template")
	if s.Template == nil {
		return append(errs, field.Required(template, ""))
	}
	errs = append(errs, templateMatches(template, s.Template, k8slabels.SelectorFromSet(s.Selector))...)
	return append(errs, keptRunning(template, s.Template, "ReplicationController")...)
}

// ReplicationControllerUpdate checks a replacement; even the selector may change.
func ReplicationControllerUpdate(r, old *corev1.ReplicationController) field.ErrorList {
	return append(updatedMeta(&r.ObjectMeta, &old.ObjectMeta), ReplicationController(r)...)
}

// ReplicationControllerStatusUpdate checks a write to a ReplicationController's status.
func ReplicationControllerStatusUpdate(r, old *corev1.ReplicationController) field.ErrorList {
	errs := append(updatedMeta(&r.ObjectMeta, &old.ObjectMeta), replicaCounts(r.Status.Replicas, r.Status.FullyLabeledReplicas,
		r.Status.ReadyReplicas, r.Status.AvailableReplicas)...)
	return append(errs, nonNegative(statusPath.Child("observedGeneration"), r.Status.ObservedGeneration)...)
}
