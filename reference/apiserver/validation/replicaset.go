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
	w := workload{specPath, s.Selector, &s.Template, "deployment", unreadableSelector}
	return append(errs, w.selected(replicated(s.Replicas))...)
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
	errs = append(errs, nonNegativePtr(statusPath.Child("terminatingReplicas"), r.Status.TerminatingReplicas)...)
	return append(errs, nonNegative(statusPath.Child("observedGeneration"), r.Status.ObservedGeneration)...)
}

func replicaCounts(all, labelled, ready, available int32) field.ErrorList {
	l, r, a := count{"fullyLabeledReplicas", labelled}, count{"readyReplicas", ready}, count{"availableReplicas", available}
	errs := counts(count{"replicas", all}, l, r, a)
	errs = append(errs, noMoreThan(all, moreThanReplicas, l, r, a)...)
	return append(errs, noMoreThan(ready, moreThanReady, a)...)
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
	if s.Replicas != nil && *s.Replicas > 1 {
		errs = append(errs, readOnlyDisks(template.Child("spec", "volumes"), s.Template.Spec.Volumes)...)
	}
	return append(errs, keptRunning("ReplicationController")(template, s.Template)...)
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
