package validation

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Pod checks a new pod.
func Pod(pod *corev1.Pod) field.ErrorList {
	errs := podMetaAndSpec(pod)
	errs = append(errs, appArmorAgrees(specPath, pod.Annotations, &pod.Spec)...)
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
	errs = append(errs, podAnnotations(metadataPath.Child("annotations"), pod.Annotations, &pod.Spec)...)
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

// podAnnotations checks the annotations that mean something to Kubernetes.
func podAnnotations(p *field.Path, annotations map[string]string, spec *corev1.PodSpec) field.ErrorList {
	errs := appArmorAnnotations(p, annotations, spec)
	cost, ok := annotations[corev1.PodDeletionCost]
	if !ok {
		return errs
	}
	// The leading zeros and the sign that ParseInt also takes are refused.
	n, err := strconv.ParseInt(cost, 10, 32)
	if err != nil || strconv.FormatInt(n, 10) != cost {
		errs = append(errs, field.Invalid(p.Key(corev1.PodDeletionCost), cost, "must be a 32bit integer"))
	}
	return errs
}

// podIPs may hold one address of each family.
func podIPs(pod *corev1.Pod) field.ErrorList {
	list := make([]string, len(pod.Status.PodIPs))
	for i := range pod.Status.PodIPs {
		list[i] = pod.Status.PodIPs[i].IP
	}
	p := statusPath.Child("podIPs")
	errs := dualStack(p, list)
	seen := sets.New[string]()
	for i, ip := range list {
		if seen.Has(ip) {
			errs = append(errs, field.Duplicate(p.Index(i), pod.Status.PodIPs[i]))
		}
		seen.Insert(ip)
	}
	return append(errs, hostIPs(&pod.Status)...)
}

// hostIPs begin with the address that clients know that predate the list.
func hostIPs(s *corev1.PodStatus) (errs field.ErrorList) {
	if len(s.HostIPs) == 0 {
		return nil
	}
	list := make([]string, len(s.HostIPs))
	for i := range s.HostIPs {
		list[i] = s.HostIPs[i].IP
	}
	p := statusPath.Child("hostIPs")
	if s.HostIP != list[0] {
		errs = append(errs, field.Invalid(p.Index(0).Child("ip"), list[0], "must be equal to `hostIP`"))
	}
	return append(errs, dualStack(p, list)...)
}

// dualStack wants valid addresses, at most one of each family.
func dualStack(p *field.Path, list []string) (errs field.ErrorList) {
	for i, s := range list {
		errs = append(errs, ipAddress(p.Index(i), s)...)
	}
	if len(list) > 1 && (len(list) > 2 || isIPv6(list[0]) == isIPv6(list[1])) {
		errs = append(errs, field.Invalid(p, list, "may specify no more than one IP for each IP family"))
	}
	return errs
}
