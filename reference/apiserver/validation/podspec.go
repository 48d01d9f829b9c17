package validation

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podSpec checks the spec of a pod (isPod) or of a pod template.
func podSpec(p *field.Path, s *corev1.PodSpec, isPod bool) field.ErrorList {
	sources, errs := volumes(p.Child("volumes"), s.Volumes)
	claims, claimErrs := podResourceClaims(p.Child("resourceClaims"), s.ResourceClaims)
	errs = append(errs, claimErrs...)
	c := &podContext{spec: s, volumes: sources, claims: claims, isPod: isPod}
	errs = append(errs, c.containers(p.Child("containers"))...)
	errs = append(errs, c.initContainers(p.Child("initContainers"))...)
	errs = append(errs, c.ephemeralContainers(p.Child("ephemeralContainers"))...)
	errs = append(errs, podResources(p, s)...)
	if s.HostNetwork {
		errs = append(errs, hostNetworkPorts(p.Child("containers"), s.Containers, isPod)...)
		errs = append(errs, hostNetworkPorts(p.Child("initContainers"), s.InitContainers, isPod)...)
	}
	errs = append(errs, oneOf(p.Child("restartPolicy"), s.RestartPolicy,
		corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)...)
	errs = append(errs, oneOf(p.Child("dnsPolicy"), s.DNSPolicy,
		corev1.DNSClusterFirstWithHostNet, corev1.DNSClusterFirst, corev1.DNSDefault, corev1.DNSNone)...)
	errs = append(errs, labels(p.Child("nodeSelector"), s.NodeSelector)...)
	errs = append(errs, podSecurityContext(p.Child("securityContext"), s.SecurityContext, s, p)...)
	errs = append(errs, affinity(p.Child("affinity"), s.Affinity)...)
	errs = append(errs, dnsConfig(p.Child("dnsConfig"), s.DNSConfig, s.DNSPolicy)...)
	errs = append(errs, readinessGates(p.Child("readinessGates"), s.ReadinessGates)...)
	errs = append(errs, schedulingGates(p.Child("schedulingGates"), s.SchedulingGates)...)
	errs = append(errs, topologySpread(p.Child("topologySpreadConstraints"), s.TopologySpreadConstraints, isPod)...)
	errs = append(errs, hostUsers(p, s)...)
	errs = append(errs, podNames(p, s)...)
	if d := s.ActiveDeadlineSeconds; d != nil && (*d < 1 || *d > math.MaxInt32) {
		errs = append(errs, field.Invalid(p.Child("activeDeadlineSeconds"), *d, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	errs = append(errs, tolerations(p.Child("tolerations"), s.Tolerations)...)
	errs = append(errs, hostAliases(p.Child("hostAliases"), s.HostAliases)...)
	errs = append(errs, oneOfPtr(p.Child("preemptionPolicy"), s.PreemptionPolicy, corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	errs = append(errs, overhead(p.Child("overhead"), s.Overhead)...)
	errs = append(errs, hostProcess(p, s)...)
	errs = append(errs, fileKeyVolumes(p, s, sources)...)
	return append(errs, podOS(p, s)...)
}

// podNames checks the references by name and what the pod calls itself.
func podNames(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	optional := func(name, value string, check func(*field.Path, string) field.ErrorList) {
		if value != "" {
			errs = append(errs, check(p.Child(name), value)...)
		}
	}
	optional("serviceAccountName", s.ServiceAccountName, dnsSubdomain)
	optional("nodeName", s.NodeName, dnsSubdomain)
	optional("hostname", s.Hostname, dnsLabel)
	optional("subdomain", s.Subdomain, dnsLabel)
	optional("priorityClassName", s.PriorityClassName, dnsSubdomain)
	if s.RuntimeClassName != nil {
		errs = append(errs, dnsSubdomain(p.Child("runtimeClassName"), *s.RuntimeClassName)...)
	}
	if s.HostnameOverride != nil && *s.HostnameOverride != "" {
		errs = append(errs, hostnameOverride(p, s)...)
	}
	return errs
}

// maxHostname is the longest name that sethostname(2) takes.
const maxHostname = 64

func hostnameOverride(p *field.Path, s *corev1.PodSpec) field.ErrorList {
	at, name := p.Child("hostnameOverride"), *s.HostnameOverride
	errs := dnsSubdomain(at, name)
	if len(name) > maxHostname {
		errs = append(errs, field.TooLong(at, name, maxHostname))
	}
	if isTrue(s.SetHostnameAsFQDN) {
		errs = append(errs, field.Forbidden(p.Child("setHostnameAsFQDN"), "may not be set to true when `hostnameOverride` is set"))
	}
	if s.HostNetwork {
		errs = append(errs, field.Forbidden(at, "may not be set when `hostNetwork` is true"))
	}
	return errs
}

// hostUsers: a pod with users of its own cannot share the node's other namespaces.
func hostUsers(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	if !isFalse(s.HostUsers) {
		return nil
	}
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), "when `hostUsers` is false"))
		}
	}
	forbid(s.HostNetwork, "hostNetwork")
	forbid(s.HostPID, "HostPID")
	forbid(s.HostIPC, "HostIPC")
	for i := range s.Containers {
		if len(s.Containers[i].VolumeDevices) > 0 {
			errs = append(errs, field.Forbidden(p.Child("containers").Index(i).Child("volumeDevices"), "when `hostUsers` is false, `volumeDevices` cannot be used"))
		}
	}
	return errs
}

// podResourceClaims returns the names that containers can refer to.
func podResourceClaims(p *field.Path, list []corev1.PodResourceClaim) (sets.Set[string], field.ErrorList) {
	names := sets.New[string]()
	var errs field.ErrorList
	for i, c := range list {
		at := p.Index(i)
		switch {
		case c.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case names.Has(c.Name):
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		default:
			errs = append(errs, dnsLabel(at.Child("name"), c.Name)...)
		}
		names.Insert(c.Name)
		const either = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
		switch {
		case c.ResourceClaimName != nil && c.ResourceClaimTemplateName != nil:
			errs = append(errs, field.Invalid(at, c, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
		case c.ResourceClaimName == nil && c.ResourceClaimTemplateName == nil:
			errs = append(errs, field.Invalid(at, c, either))
		case c.ResourceClaimName != nil:
			errs = append(errs, dnsSubdomain(at.Child("resourceClaimName"), *c.ResourceClaimName)...)
		default:
			errs = append(errs, dnsSubdomain(at.Child("resourceClaimTemplateName"), *c.ResourceClaimTemplateName)...)
		}
	}
	return names, errs
}
