package defaults

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func setService(s *corev1.Service) {
	spec := &s.Spec
	orElse(&spec.Type, corev1.ServiceTypeClusterIP)
	setSessionAffinity(spec)
	each(spec.Ports, setServicePort)
	setTrafficPolicies(spec)
	// Clients that predate clusterIPs set clusterIP alone; the other direction is a mistake that
	// validation reports.
	if spec.ClusterIP != "" && len(spec.ClusterIPs) == 0 {
		spec.ClusterIPs = []string{spec.ClusterIP}
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer {
		orPointTo(&spec.AllocateLoadBalancerNodePorts, true)
		each(s.Status.LoadBalancer.Ingress, func(in *corev1.LoadBalancerIngress) {
			if in.IP != "" {
				orPointTo(&in.IPMode, corev1.LoadBalancerIPModeVIP)
			}
		})
	}
}

func setSessionAffinity(spec *corev1.ServiceSpec) {
	orElse(&spec.SessionAffinity, corev1.ServiceAffinityNone)
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		if c := spec.SessionAffinityConfig; c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			timeout := corev1.DefaultClientIPServiceAffinitySeconds
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: &timeout}}
		}
	}
}

func setServicePort(p *corev1.ServicePort) {
	orElse(&p.Protocol, corev1.ProtocolTCP)
	if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
		p.TargetPort = intstr.FromInt32(p.Port)
	}
}

func setTrafficPolicies(spec *corev1.ServiceSpec) {
	switch spec.Type {
	case corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
		orElse(&spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
		orPointTo(&spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster)
	case corev1.ServiceTypeClusterIP:
		if len(spec.ExternalIPs) > 0 {
			orElse(&spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
		}
		orPointTo(&spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster)
	}
}
