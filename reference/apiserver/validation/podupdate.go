package validation

import (
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// mutablePodFields are what may change in the spec of a pod, as the error that says so lists them.
var mutablePodFields = strings.Join([]string{
	"`spec.containers[*].image`",
	"`spec.initContainers[*].image`",
	"`spec.activeDeadlineSeconds`",
	"`spec.tolerations` (only additions to existing tolerations)",
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
}, ",")

// PodUpdate checks a replacement of a pod through its main resource.
func PodUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := updatedMeta(&pod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, podMetaAndSpec(pod)...)
	errs = append(errs, annotationsUnchanged(pod, old)...)
	if more := sameContainers(&pod.Spec, &old.Spec); len(more) > 0 {
		return append(errs, more...)
	}
	if more := activeDeadlineUpdate(pod.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds); len(more) > 0 {
		return append(errs, more...)
	}
	errs = append(errs, tolerationsOnlyAdded(specPath.Child("tolerations"), pod.Spec.Tolerations, old.Spec.Tolerations)...)
	errs = append(errs, gatesOnlyRemoved(specPath.Child("schedulingGates"), pod.Spec.SchedulingGates, old.Spec.SchedulingGates)...)

	rest := pod.Spec.DeepCopy()
	undoMutable(rest, &old.Spec)
	if len(old.Spec.SchedulingGates) > 0 {
		errs = append(errs, gatedPlacement(rest, &old.Spec)...)
	}
	if !equal(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(specPath,
			fmt.Sprintf("pod updates may not change fields other than %s\n%v", mutablePodFields, diff.Diff(old.Spec, *rest))))
	}
	return errs
}

// annotationsUnchanged: what a pod is and how it is confined is settled when it is created.
func annotationsUnchanged(pod, old *corev1.Pod) (errs field.ErrorList) {
	p := metadataPath.Child("annotations")
	for _, key := range sortedKeys(old.Annotations) {
		what := settledAnnotation(key)
		if value, is := pod.Annotations[key]; what != "" && (!is || value != old.Annotations[key]) {
			errs = append(errs, field.Forbidden(p.Key(key), "may not remove or update "+what))
		}
	}
	for _, key := range sortedKeys(pod.Annotations) {
		what := settledAnnotation(key)
		if _, was := old.Annotations[key]; what != "" && !was {
			errs = append(errs, field.Forbidden(p.Key(key), "may not add "+what))
		}
	}
	return errs
}

func settledAnnotation(key string) string {
	switch {
	case key == corev1.MirrorPodAnnotationKey:
		return "mirror pod annotation"
	case strings.HasPrefix(key, appArmorPrefix):
		return "AppArmor annotations"
	}
	return ""
}

func sameContainers(spec, old *corev1.PodSpec) (errs field.ErrorList) {
	const addedOrRemoved = "pod updates may not add or remove containers"
	if len(spec.Containers) != len(old.Containers) {
		errs = append(errs, field.Forbidden(specPath.Child("containers"), addedOrRemoved))
	}
	if len(spec.InitContainers) != len(old.InitContainers) {
		errs = append(errs, field.Forbidden(specPath.Child("initContainers"), addedOrRemoved))
	}
	return errs
}

// activeDeadlineUpdate lets a deadline be set, and be brought forward.
func activeDeadlineUpdate(deadline, old *int64) field.ErrorList {
	p := specPath.Child("activeDeadlineSeconds")
	switch {
	case deadline == nil && old != nil:
		return field.ErrorList{field.Invalid(p, deadline, "must not update from a positive integer to nil value")}
	case deadline == nil:
		return nil
	case *deadline < 0 || *deadline > math.MaxInt32:
		return field.ErrorList{field.Invalid(p, *deadline, validation.InclusiveRangeError(0, math.MaxInt32))}
	case old != nil && *old < *deadline:
		return field.ErrorList{field.Invalid(p, *deadline, "must be less than or equal to previous value")}
	}
	return nil
}

func tolerationsOnlyAdded(p *field.Path, list, old []corev1.Toleration) field.ErrorList {
	for _, o := range old {
		o.TolerationSeconds = nil
		kept := slices.ContainsFunc(list, func(t corev1.Toleration) bool {
			t.TolerationSeconds = nil
			return t == o
		})
		if !kept {
			return field.ErrorList{field.Forbidden(p, "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return nil
}

func gatesOnlyRemoved(p *field.Path, gates, old []corev1.PodSchedulingGate) (errs field.ErrorList) {
	for i, g := range gates {
		if !slices.Contains(old, g) {
			errs = append(errs, field.Forbidden(p.Index(i), fmt.Sprintf("only deletion is allowed, but found new scheduling gate '%s'", g.Name)))
		}
	}
	return errs
}

// undoMutable puts the old values back wherever a pod's spec may change, so that what still
// differs may not. It expects as many containers in both.
func undoMutable(spec, old *corev1.PodSpec) {
	for i := range spec.Containers {
		spec.Containers[i].Image = old.Containers[i].Image
	}
	for i := range spec.InitContainers {
		spec.InitContainers[i].Image = old.InitContainers[i].Image
	}
	spec.ActiveDeadlineSeconds = old.ActiveDeadlineSeconds
	spec.Tolerations = old.Tolerations
	spec.SchedulingGates = old.SchedulingGates
	if o, n := old.TerminationGracePeriodSeconds, spec.TerminationGracePeriodSeconds; o != nil && *o < 0 && n != nil && *n == 1 {
		spec.TerminationGracePeriodSeconds = o
	}
}

// gatedPlacement: while scheduling gates hold a pod back, the choice of nodes may be narrowed
// (KEP-3838). What it allows is put back to the old value in spec.
func gatedPlacement(spec, old *corev1.PodSpec) (errs field.ErrorList) {
	if !equal(spec.NodeSelector, old.NodeSelector) {
		for k, v := range old.NodeSelector {
			if now, ok := spec.NodeSelector[k]; !ok || now != v {
				errs = append(errs, field.Invalid(specPath.Child("nodeSelector"), spec.NodeSelector,
					"only additions are allowed (no mutations or deletions)"))
				break
			}
		}
		spec.NodeSelector = old.NodeSelector
	}
	if equal(nodeAffinityOf(spec), nodeAffinityOf(old)) {
		return errs
	}
	errs = append(errs, narrowedAffinity(nodeAffinityOf(spec), nodeAffinityOf(old))...)
	switch {
	case old.Affinity == nil && spec.Affinity.PodAffinity == nil && spec.Affinity.PodAntiAffinity == nil:
		spec.Affinity = nil
	case spec.Affinity == nil && old.Affinity.PodAffinity == nil && old.Affinity.PodAntiAffinity == nil:
		spec.Affinity = old.Affinity
	case spec.Affinity != nil && old.Affinity != nil:
		spec.Affinity.NodeAffinity = old.Affinity.NodeAffinity
	case spec.Affinity != nil:
		spec.Affinity.NodeAffinity = nil
	}
	return errs
}

func nodeAffinityOf(s *corev1.PodSpec) *corev1.NodeAffinity {
	if s.Affinity == nil {
		return nil
	}
	return s.Affinity.NodeAffinity
}

// narrowedAffinity lets terms be added where there were none, and each existing term get more
// requirements; preferences are free.
func narrowedAffinity(n, old *corev1.NodeAffinity) (errs field.ErrorList) {
	p := specPath.Child("affinity", "nodeAffinity", requiredTerms)
	if old == nil || old.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	was := old.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(was) == 0 {
		return nil
	}
	var now []corev1.NodeSelectorTerm
	if n != nil && n.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		now = n.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	if len(now) != len(was) {
		return field.ErrorList{field.Invalid(p.Child("nodeSelectorTerms"), now, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")}
	}
	for i := range was {
		if !startsWith(now[i].MatchExpressions, was[i].MatchExpressions) || !startsWith(now[i].MatchFields, was[i].MatchFields) {
			errs = append(errs, field.Invalid(p.Child("nodeSelectorTerms").Index(i), now[i], "only additions are allowed (no mutations or deletions)"))
		}
	}
	return errs
}

func startsWith(list, prefix []corev1.NodeSelectorRequirement) bool {
	return len(list) >= len(prefix) && (len(prefix) == 0 || equal(list[:len(prefix)], prefix))
}
