package validation

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	onlyForLoadBalancer  = "may only be used when `type` is 'LoadBalancer'"
	notForExternalName   = "may not be set for ExternalName services"
	kubeletPort          = 10250
	maxSessionSeconds    = 24 * 60 * 60
	onlyHealthCheckLocal = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
)

func isHeadless(s *corev1.ServiceSpec) bool {
	return len(s.ClusterIPs) == 1 && s.ClusterIPs[0] == corev1.ClusterIPNone
}

// Service checks a new service. Whether addresses and ports are in the cluster's ranges, and free,
// is the allocators' business.
func Service(s *corev1.Service) field.ErrorList { return service(s, &corev1.Service{}) }

// service checks one that replaces old, of which addresses and ranges may stay as they were written.
func service(s, old *corev1.Service) field.ErrorList {
	errs := newMeta(&s.ObjectMeta, namespaced, labelName)
	spec := &s.Spec
	if len(spec.Ports) == 0 && !isHeadless(spec) && spec.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(specPath.Child("ports"), ""))
	}
	errs = append(errs, serviceType(spec)...)
	errs = append(errs, servicePorts(specPath.Child("ports"), spec)...)
	errs = append(errs, labels(specPath.Child("selector"), spec.Selector)...)
	errs = append(errs, oneOf(specPath.Child("sessionAffinity"), spec.SessionAffinity, corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)...)
	errs = append(errs, sessionAffinityConfig(specPath.Child("sessionAffinityConfig"), spec)...)
	errs = append(errs, clusterIPs(spec, old.Spec.ClusterIPs)...)
	for i, ip := range spec.ExternalIPs {
		at := specPath.Child("externalIPs").Index(i)
		if bad := ipAddress(at, ip, old.Spec.ExternalIPs...); len(bad) > 0 {
			errs = append(errs, bad...)
		} else {
			errs = append(errs, ordinaryIP(at, ip)...)
		}
	}
	errs = append(errs, loadBalancerFields(spec, old.Spec.LoadBalancerSourceRanges)...)
	errs = append(errs, annotatedRanges(s, old)...)
	errs = append(errs, trafficPolicies(spec)...)
	return errs
}

// serviceType checks the type, and what each type forbids.
func serviceType(s *corev1.ServiceSpec) field.ErrorList {
	errs := oneOf(specPath.Child("type"), s.Type, corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName,
		corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)
	switch s.Type {
	case corev1.ServiceTypeLoadBalancer:
		for i, port := range s.Ports {
			if port.Port == kubeletPort {
				errs = append(errs, field.Invalid(specPath.Child("ports").Index(i), port.Port,
					fmt.Sprintf("may not expose port %v externally since it is used by kubelet", kubeletPort)))
			}
		}
		fallthrough
	case corev1.ServiceTypeNodePort:
		if isHeadless(s) {
			errs = append(errs, field.Invalid(specPath.Child("clusterIPs").Index(0), s.ClusterIPs[0],
				fmt.Sprintf("may not be set to 'None' for %s services", s.Type)))
		}
	case corev1.ServiceTypeExternalName:
		errs = append(errs, externalName(s)...)
	}
	return errs
}

func externalName(s *corev1.ServiceSpec) (errs field.ErrorList) {
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(specPath.Child(name), notForExternalName))
		}
	}
	forbid(len(s.ClusterIPs) > 0, "clusterIPs")
	forbid(len(s.IPFamilies) > 0, "ipFamilies")
	forbid(s.IPFamilyPolicy != nil, "ipFamilyPolicy")
	p := specPath.Child("externalName")
	if name := strings.TrimSuffix(s.ExternalName, "."); name != "" {
		return append(errs, dnsSubdomain(p, name)...)
	}
	return append(errs, field.Required(p, ""))
}

func servicePorts(p *field.Path, s *corev1.ServiceSpec) (errs field.ErrorList) {
	type listener struct {
		Protocol corev1.Protocol `json:"protocol"`
		Port     int32           `json:"port"`
	}
	names, nodePorts, ports := sets.New[string](), sets.New[listener](), sets.New[listener]()
	for i, port := range s.Ports {
		at := p.Index(i)
		if port.Name == "" {
			if len(s.Ports) > 1 {
				errs = append(errs, field.Required(at.Child("name"), ""))
			}
		} else {
			errs = append(errs, dnsLabel(at.Child("name"), port.Name)...)
			if names.Has(port.Name) {
				errs = append(errs, field.Duplicate(at.Child("name"), port.Name))
			}
			names.Insert(port.Name)
		}
		errs = append(errs, portNumber(at.Child("port"), port.Port)...)
		errs = append(errs, protocol(at.Child("protocol"), port.Protocol)...)
		errs = append(errs, portNumberOrName(at.Child("targetPort"), port.TargetPort)...)
		if port.AppProtocol != nil {
			errs = append(errs, qualifiedName(at.Child("appProtocol"), *port.AppProtocol)...)
		}
		switch n := (listener{port.Protocol, port.NodePort}); {
		case n.Port == 0:
		case s.Type == corev1.ServiceTypeClusterIP:
			errs = append(errs, field.Forbidden(at.Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
		case nodePorts.Has(n):
			errs = append(errs, field.Duplicate(at.Child("nodePort"), n.Port))
		default:
			nodePorts.Insert(n)
		}
		n := listener{port.Protocol, port.Port}
		if ports.Has(n) {
			errs = append(errs, field.Duplicate(at, n))
		}
		ports.Insert(n)
	}
	return errs
}

func sessionAffinityConfig(p *field.Path, s *corev1.ServiceSpec) field.ErrorList {
	c := s.SessionAffinityConfig
	switch {
	case s.SessionAffinity == corev1.ServiceAffinityNone && c != nil:
		return field.ErrorList{field.Forbidden(p, fmt.Sprintf("must not be set when session affinity is %s", corev1.ServiceAffinityNone))}
	case s.SessionAffinity != corev1.ServiceAffinityClientIP:
		return nil
	case c == nil:
		return field.ErrorList{field.Required(p, fmt.Sprintf("when session affinity type is %s", corev1.ServiceAffinityClientIP))}
	case c.ClientIP == nil:
		return field.ErrorList{field.Required(p.Child("clientIP"), fmt.Sprintf("when session affinity type is %s", corev1.ServiceAffinityClientIP))}
	case c.ClientIP.TimeoutSeconds == nil:
		return field.ErrorList{field.Required(p.Child("clientIP", "timeoutSeconds"), fmt.Sprintf("when session affinity type is %s", corev1.ServiceAffinityClientIP))}
	}
	if t := *c.ClientIP.TimeoutSeconds; t <= 0 || t > maxSessionSeconds {
		return field.ErrorList{field.Invalid(p.Child("clientIP", "timeoutSeconds"), t,
			fmt.Sprintf("must be greater than 0 and less than %d", maxSessionSeconds))}
	}
	return nil
}

func loadBalancerFields(s *corev1.ServiceSpec, had []string) (errs field.ErrorList) {
	balanced := s.Type == corev1.ServiceTypeLoadBalancer
	if len(s.LoadBalancerSourceRanges) > 0 && !balanced {
		errs = append(errs, field.Forbidden(specPath.Child("loadBalancerSourceRanges"), onlyForLoadBalancer))
	}
	if balanced {
		for i, r := range s.LoadBalancerSourceRanges {
			errs = append(errs, cidr(specPath.Child("loadBalancerSourceRanges").Index(i), strings.TrimSpace(r), trimmed(had)...)...)
		}
	}
	switch p := specPath.Child("allocateLoadBalancerNodePorts"); {
	case balanced && s.AllocateLoadBalancerNodePorts == nil:
		errs = append(errs, field.Required(p, ""))
	case !balanced && s.AllocateLoadBalancerNodePorts != nil:
		errs = append(errs, field.Forbidden(p, onlyForLoadBalancer))
	}
	if s.LoadBalancerClass != nil {
		p := specPath.Child("loadBalancerClass")
		if !balanced {
			errs = append(errs, field.Forbidden(p, onlyForLoadBalancer))
		}
		errs = append(errs, qualifiedName(p, *s.LoadBalancerClass)...)
	}
	return errs
}

// annotatedRanges checks the annotation that loadBalancerSourceRanges replaced.
func annotatedRanges(s, old *corev1.Service) (errs field.ErrorList) {
	value, ok := s.Annotations[corev1.AnnotationLoadBalancerSourceRangesKey]
	if !ok {
		return nil
	}
	p := metadataPath.Child("annotations").Key(corev1.AnnotationLoadBalancerSourceRangesKey)
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return field.ErrorList{field.Forbidden(p, onlyForLoadBalancer)}
	}
	if value = strings.TrimSpace(value); value == "" {
		return nil
	}
	had := trimmed(strings.Split(old.Annotations[corev1.AnnotationLoadBalancerSourceRangesKey], ","))
	for _, r := range strings.Split(value, ",") {
		errs = append(errs, cidr(p, strings.TrimSpace(r), had...)...)
	}
	return errs
}

func trimmed(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimSpace(s)
	}
	return out
}

func trafficPolicies(s *corev1.ServiceSpec) (errs field.ErrorList) {
	external := s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer ||
		s.Type == corev1.ServiceTypeClusterIP && len(s.ExternalIPs) > 0
	p := specPath.Child("externalTrafficPolicy")
	if external {
		errs = append(errs, oneOf(p, s.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
	} else if s.ExternalTrafficPolicy != "" {
		errs = append(errs, field.Invalid(p, s.ExternalTrafficPolicy, "may only be set for externally-accessible services"))
	}
	checked := s.Type == corev1.ServiceTypeLoadBalancer && s.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	p = specPath.Child("healthCheckNodePort")
	switch {
	case s.HealthCheckNodePort == 0:
	case !checked:
		errs = append(errs, field.Invalid(p, s.HealthCheckNodePort, onlyHealthCheckLocal))
	default:
		errs = append(errs, portNumber(p, s.HealthCheckNodePort)...)
	}
	p = specPath.Child("internalTrafficPolicy")
	if s.Type != corev1.ServiceTypeExternalName && s.InternalTrafficPolicy == nil {
		errs = append(errs, field.Required(p, ""))
	}
	errs = append(errs, oneOfPtr(p, s.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	return append(errs, oneOfPtr(specPath.Child("trafficDistribution"), s.TrafficDistribution, corev1.ServiceTrafficDistributionPreferClose,
		corev1.ServiceTrafficDistributionPreferSameNode, corev1.ServiceTrafficDistributionPreferSameZone)...)
}

// ordinaryIP refuses addresses that mean something else on every machine.
func ordinaryIP(p *field.Path, s string) (errs field.ErrorList) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return nil
	}
	refuse := func(is bool, why string) {
		if is {
			errs = append(errs, field.Invalid(p, s, why))
		}
	}
	refuse(ip.IsUnspecified(), fmt.Sprintf("may not be unspecified (%v)", s))
	refuse(ip.IsLoopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)")
	refuse(ip.IsLinkLocalUnicast(), "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
	refuse(ip.IsLinkLocalMulticast(), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
	return errs
}
