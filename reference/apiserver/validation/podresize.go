package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/etalon-dev/etalon/reference/apiserver/podqos"
)

// PodResizeUpdate checks a write to pods/resize: CPU and memory of containers and sidecars, and of
// the pod as a whole, may change, but not go away, and not so that the pod's quality of service
// changes (https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/).
func PodResizeUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := updatedMeta(&pod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, podMetaAndSpec(pod)...)
	if _, static := old.Annotations[corev1.MirrorPodAnnotationKey]; static {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "static pods cannot be resized")}
	}
	if old.Spec.OS != nil && old.Spec.OS.Name == corev1.Windows {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "windows pods cannot be resized")}
	}
	if more := sameContainers(&pod.Spec, &old.Spec); len(more) > 0 {
		return append(errs, more...)
	}
	if podqos.Class(&pod.Spec) != qosOf(old) {
		errs = append(errs, field.Invalid(specPath, pod.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	rest := pod.Spec.DeepCopy()
	for i := range rest.Containers {
		at := specPath.Child("containers").Index(i)
		errs = append(errs, stillLimited(at, &rest.Containers[i].Resources, &old.Spec.Containers[i].Resources)...)
		undoResize(&rest.Containers[i].Resources, &old.Spec.Containers[i].Resources)
	}
	for i := range rest.InitContainers {
		if c := &rest.InitContainers[i]; isSidecar(c) {
			errs = append(errs, stillLimited(specPath.Child("initContainers").Index(i), &c.Resources, &old.Spec.InitContainers[i].Resources)...)
			undoResize(&c.Resources, &old.Spec.InitContainers[i].Resources)
		}
	}
	if rest.Resources != nil && old.Spec.Resources != nil {
		errs = append(errs, stillLimited(specPath, rest.Resources, old.Spec.Resources)...)
		undoResize(rest.Resources, old.Spec.Resources)
	}
	if !equal(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(specPath, fmt.Sprintf("only cpu and memory resources are mutable\n%v", diff.Diff(old.Spec, *rest))))
	}
	return errs
}

// qosOf is what a pod's status says, for pods that are older than the rule that decides today.
func qosOf(pod *corev1.Pod) corev1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	return podqos.Class(&pod.Spec)
}

// stillLimited: a limit or a request, once set, can only be set to something else.
func stillLimited(p *field.Path, r, old *corev1.ResourceRequirements) (errs field.ErrorList) {
	removed := func(list, was corev1.ResourceList) bool {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			_, had := was[name]
			if _, has := list[name]; had && !has {
				return true
			}
		}
		return false
	}
	if removed(r.Requests, old.Requests) {
		errs = append(errs, field.Forbidden(p.Child("resources", "requests"), "resource requests cannot be removed"))
	}
	if removed(r.Limits, old.Limits) {
		errs = append(errs, field.Forbidden(p.Child("resources", "limits"), "resource limits cannot be removed"))
	}
	return errs
}

// undoResize puts the old amounts of what may be resized back.
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
