package validation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PodStatusUpdate checks a write to a pod's status.
func PodStatusUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := updatedMeta(&pod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, annotationsUnchanged(pod, old)...)
	if pod.Spec.NodeName != old.Spec.NodeName {
		errs = append(errs, field.Forbidden(statusPath.Child("nodeName"), "may not be changed directly"))
	}
	if name := pod.Status.NominatedNodeName; name != "" {
		errs = append(errs, dnsSubdomain(statusPath.Child("nominatedNodeName"), name)...)
	}
	if old.Status.QOSClass != "" && pod.Status.QOSClass != "" {
		errs = append(errs, unchanged(statusPath.Child("qosClass"), pod.Status.QOSClass, old.Status.QOSClass)...)
	}
	errs = append(errs, podConditions(statusPath.Child("conditions"), pod.Status.Conditions)...)
	errs = append(errs, staysTerminated(statusPath.Child("containerStatuses"), pod.Status.ContainerStatuses, old.Status.ContainerStatuses, &old.Spec)...)
	errs = append(errs, staysTerminated(statusPath.Child("initContainerStatuses"), pod.Status.InitContainerStatuses, old.Status.InitContainerStatuses, &old.Spec)...)
	errs = append(errs, ephemeralStaysTerminated(statusPath.Child("ephemeralContainerStatuses"),
		pod.Status.EphemeralContainerStatuses, old.Status.EphemeralContainerStatuses)...)
	errs = append(errs, claimStatuses(statusPath.Child("resourceClaimStatuses"), pod)...)
	return append(errs, podIPs(pod)...)
}

// ephemeralStaysTerminated: a container for debugging is never restarted, whatever the pod's policy.
func ephemeralStaysTerminated(p *field.Path, list, old []corev1.ContainerStatus) field.ErrorList {
	return staysTerminated(p, list, old, &corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever})
}

// claimStatuses name the claims that were made for the pod, each for one entry of its spec.
func claimStatuses(p *field.Path, pod *corev1.Pod) (errs field.ErrorList) {
	seen := sets.New[string]()
	for i, s := range pod.Status.ResourceClaimStatuses {
		at := p.Index(i).Child("name")
		if !slices.ContainsFunc(pod.Spec.ResourceClaims, func(c corev1.PodResourceClaim) bool { return c.Name == s.Name }) {
			errs = append(errs, field.Invalid(at, s.Name, "must match the name of an entry in `spec.resourceClaims`"))
		}
		if seen.Has(s.Name) {
			errs = append(errs, field.Duplicate(at, s.Name))
		}
		seen.Insert(s.Name)
		if s.ResourceClaimName != nil {
			errs = append(errs, invalids(at, s.ResourceClaimName, subdomainName(*s.ResourceClaimName, false))...)
		}
	}
	return errs
}

// podConditions: the types that are not Kubernetes' own are readiness gates, whose names are qualified.
func podConditions(p *field.Path, list []corev1.PodCondition) (errs field.ErrorList) {
	known := map[corev1.PodConditionType]bool{
		corev1.PodScheduled: true, corev1.PodReady: true, corev1.PodInitialized: true,
		corev1.ContainersReady: true, corev1.DisruptionTarget: true,
	}
	for i, c := range list {
		if !known[c.Type] {
			errs = append(errs, qualifiedName(p.Index(i).Child("type"), string(c.Type))...)
		}
	}
	return errs
}

// staysTerminated: a container that is not to be restarted cannot come back to life, unless another may have all restarted.
func staysTerminated(p *field.Path, list, old []corev1.ContainerStatus, spec *corev1.PodSpec) (errs field.ErrorList) {
	if spec.RestartPolicy == corev1.RestartPolicyAlways || restartsAll(spec) {
		return nil
	}
	for i, s := range list {
		for _, o := range old {
			if o.Name != s.Name || o.State.Terminated == nil || s.State.Terminated != nil {
				continue
			}
			if spec.RestartPolicy == corev1.RestartPolicyOnFailure && o.State.Terminated.ExitCode != 0 || restartsItself(spec, s.Name) {
				continue
			}
			errs = append(errs, field.Forbidden(p.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
		}
	}
	return errs
}

// restartsAll says whether a container has a rule that restarts all containers of the pod.
func restartsAll(spec *corev1.PodSpec) bool {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			for _, r := range list[i].RestartPolicyRules {
				if r.Action == corev1.ContainerRestartRuleActionRestartAllContainers {
					return true
				}
			}
		}
	}
	return false
}

// restartsItself says whether a container has a restart policy that overrides the pod's.
func restartsItself(spec *corev1.PodSpec, name string) bool {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if c := &list[i]; c.Name == name {
				return c.RestartPolicy != nil && (*c.RestartPolicy != corev1.ContainerRestartPolicyNever || len(c.RestartPolicyRules) > 0)
			}
		}
	}
	return false
}
