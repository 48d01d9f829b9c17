package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Pod checks a new pod.
func Pod(pod *corev1.Pod) field.ErrorList {
	errs := podMetaAndSpec(pod)
	if len(pod.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(specPath.Child("ephemeralContainers"), "cannot be set on create"))
	}
	if len(pod.Spec.SchedulingGates) > 0 && pod.Spec.NodeName != "" {
		errs = append(errs, field.Forbidden(specPath.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	return append(errs, podIPs(pod)...)
}

func podMetaAndSpec(pod *corev1.Pod) field.ErrorList {
	errs := newMeta(&pod.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, mirrorPod(pod)...)
	return append(errs, podSpec(specPath, &pod.Spec, true)...)
}

// mirrorPod: the pod that shows a node's static pod carries its checksum, and is on a node.
func mirrorPod(pod *corev1.Pod) field.ErrorList {
	if _, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]; ok && pod.Spec.NodeName == "" {
		return field.ErrorList{field.Invalid(metadataPath.Child("annotations").Key(corev1.MirrorPodAnnotationKey), "",
			"must set spec.nodeName if mirror pod annotation is set")}
	}
	return nil
}

// podIPs may hold one address of each family.
func podIPs(pod *corev1.Pod) field.ErrorList {
	list := make([]string, len(pod.Status.PodIPs))
	for i := range pod.Status.PodIPs {
		list[i] = pod.Status.PodIPs[i].IP
	}
	errs := dualStack(statusPath.Child("podIPs"), list, "podIPs")
	list = make([]string, len(pod.Status.HostIPs))
	for i := range pod.Status.HostIPs {
		list[i] = pod.Status.HostIPs[i].IP
	}
	return append(errs, dualStack(statusPath.Child("hostIPs"), list, "hostIPs")...)
}

// dualStack wants valid addresses, at most one of each family.
func dualStack(p *field.Path, list []string, what string) (errs field.ErrorList) {
	for i, s := range list {
		errs = append(errs, ipAddress(p.Index(i), s)...)
	}
	if len(list) > 1 && (len(list) > 2 || isIPv6(list[0]) == isIPv6(list[1])) {
		errs = append(errs, field.Invalid(p, list, fmt.Sprintf("may specify no more than one %s for each IP family", what)))
	}
	return errs
}
