package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PodEphemeralContainersUpdate checks a write to pods/ephemeralcontainers: containers may be added,
// and those there are may neither change nor go.
func PodEphemeralContainersUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := updatedMeta(&pod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, podMetaAndSpec(pod)...)
	p := specPath.Child("ephemeralContainers")
	if _, mirror := old.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return append(errs, field.Forbidden(field.NewPath(""), "static pods do not support ephemeral containers"))
	}
	now := map[string]*corev1.EphemeralContainer{}
	for i := range pod.Spec.EphemeralContainers {
		now[pod.Spec.EphemeralContainers[i].Name] = &pod.Spec.EphemeralContainers[i]
	}
	for i := range old.Spec.EphemeralContainers {
		was := &old.Spec.EphemeralContainers[i]
		switch c := now[was.Name]; {
		case c == nil:
			errs = append(errs, field.Forbidden(p, fmt.Sprintf("existing ephemeral containers %q may not be removed\n", was.Name)))
		case !equal(c, was):
			errs = append(errs, field.Forbidden(p, fmt.Sprintf("existing ephemeral containers %q may not be changed\n", was.Name)))
		}
	}
	return errs
}

// PodResizeUpdate checks a write to pods/resize: only CPU and memory of containers, and the pod's
// own, may change (https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/).
func PodResizeUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := updatedMeta(&pod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, podMetaAndSpec(pod)...)
	if more := sameContainers(&pod.Spec, &old.Spec); len(more) > 0 {
		return append(errs, more...)
	}
	rest := pod.Spec.DeepCopy()
	undo := func(list, was []corev1.Container) {
		for i := range list {
			undoResize(&list[i].Resources, &was[i].Resources)
		}
	}
	undo(rest.Containers, old.Spec.Containers)
	undo(rest.InitContainers, old.Spec.InitContainers)
	if rest.Resources != nil && old.Spec.Resources != nil {
		undoResize(rest.Resources, old.Spec.Resources)
	}
	if !equal(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(specPath, "only cpu and memory resources are mutable"))
	}
	if pod.Status.QOSClass != old.Status.QOSClass {
		errs = append(errs, field.Invalid(statusPath.Child("qosClass"), pod.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	return errs
}

func undoResize(r, old *corev1.ResourceRequirements) {
	restore := func(to *corev1.ResourceList, from corev1.ResourceList) {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			q, ok := from[name]
			if !ok {
				delete(*to, name)
				continue
			}
			if *to == nil {
				*to = corev1.ResourceList{}
			}
			(*to)[name] = q
		}
	}
	restore(&r.Limits, old.Limits)
	restore(&r.Requests, old.Requests)
}
