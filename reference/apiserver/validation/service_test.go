package validation_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

const (
	service = `
metadata: {name: web, namespace: default}
spec:
  clusterIP: 10.96.0.7
  selector: {app: web}
  ports: [{port: 80}]
`
	externalName = `
metadata: {name: db, namespace: default}
spec: {type: ExternalName, externalName: db.example.com}
`
	headless = `
metadata: {name: peers, namespace: default}
spec: {clusterIP: None}
`
	balanced = `
metadata: {name: web, namespace: default}
spec: {type: LoadBalancer, clusterIP: 10.96.0.7, ports: [{port: 80, nodePort: 30080}]}
`
)

func TestService(t *testing.T) {
	table(t, service, validation.Service, []row[corev1.Service]{
		{"name", func(s *corev1.Service) { s.Name = "a.b" }, `metadata.name: Invalid value: "a.b": must not contain dots`},
		{"name with a digit first", func(s *corev1.Service) { s.Name = "1st" }, ``},
		{"annotated ranges", func(s *corev1.Service) {
			s.Annotations = map[string]string{corev1.AnnotationLoadBalancerSourceRangesKey: "10.0.0.0/8"}
		}, "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used when `type` is 'LoadBalancer'"},
		{"no ports", func(s *corev1.Service) { s.Spec.Ports = nil }, `spec.ports: Required value`},
		{"port", func(s *corev1.Service) { s.Spec.Ports[0].Port = 0 }, `spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive`},
		{"unnamed among many", func(s *corev1.Service) {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "b", Port: 81, Protocol: "TCP", TargetPort: intstr.FromInt32(81)})
		}, `spec.ports[0].name: Required value`},
		{"name twice", func(s *corev1.Service) {
			s.Spec.Ports = []corev1.ServicePort{{Name: "a", Port: 80, Protocol: "TCP", TargetPort: intstr.FromInt32(81)},
				{Name: "a", Port: 81, Protocol: "TCP", TargetPort: intstr.FromInt32(81)}}
		}, `spec.ports[1].name: Duplicate value: "a"`},
		{"port twice", func(s *corev1.Service) {
			s.Spec.Ports = []corev1.ServicePort{{Name: "a", Port: 80, Protocol: "TCP", TargetPort: intstr.FromInt32(81)},
				{Name: "b", Port: 80, Protocol: "TCP", TargetPort: intstr.FromInt32(81)}}
		}, `spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}`},
		{"target", func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromString("Not Valid") },
			`spec.ports[0].targetPort: Invalid value: "Not Valid": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`},
		{"node port", func(s *corev1.Service) { s.Spec.Ports[0].NodePort = 30000 },
			"spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"},
		{"type", func(s *corev1.Service) { s.Spec.Type = "Internal" },
			`spec.type: Unsupported value: "Internal": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"`},
		{"affinity", func(s *corev1.Service) { s.Spec.SessionAffinity = "Cookie" },
			`spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"`},
		{"address", func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "10.96", []string{"10.96"} },
			`spec.clusterIPs[0]: Invalid value: "10.96": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`},
		{"two addresses", func(s *corev1.Service) { s.Spec.ClusterIPs = []string{"10.96.0.8"} },
			"spec.clusterIPs: Invalid value: [\"10.96.0.8\"]: first value must match `clusterIP`"},
		{"external policy", func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = "Local" },
			`spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services`},
		{"loopback", func(s *corev1.Service) {
			s.Spec.ExternalIPs, s.Spec.ExternalTrafficPolicy = []string{"127.0.0.1"}, "Cluster"
		}, `spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`},
	})
	table(t, externalName, validation.Service, []row[corev1.Service]{
		{"no name", func(s *corev1.Service) { s.Spec.ExternalName = "" }, `spec.externalName: Required value`},
		{"address", func(s *corev1.Service) { s.Spec.ClusterIPs = []string{"10.96.0.1"} }, `spec.clusterIPs: Forbidden: may not be set for ExternalName services`},
	})
	table(t, headless, validation.Service, []row[corev1.Service]{
		{"node port", func(s *corev1.Service) { s.Spec.Type, s.Spec.ExternalTrafficPolicy = "NodePort", "Cluster" },
			`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`},
	})
	table(t, balanced, validation.Service, []row[corev1.Service]{
		{"kubelet's port", func(s *corev1.Service) { s.Spec.Ports[0].Port = 10250 },
			`spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet`},
		{"health check", func(s *corev1.Service) { s.Spec.HealthCheckNodePort = 30000 },
			"spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"},
	})
}

func TestServiceUpdate(t *testing.T) {
	updates(t, service, validation.ServiceUpdate, []row[corev1.Service]{
		{"selector", func(s *corev1.Service) { s.Spec.Selector["a"] = "b" }, ``},
		{"address", func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "10.96.0.8", []string{"10.96.0.8"} },
			`spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set`},
		{"family", func(s *corev1.Service) { s.Spec.IPFamilies = []corev1.IPFamily{"IPv4"} }, ``},
		{"no address", func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil },
			`spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset`},
		{"becomes external", func(s *corev1.Service) {
			s.Spec = corev1.ServiceSpec{Type: "ExternalName", ExternalName: "a.example.com", SessionAffinity: "None"}
		}, ``},
	})
	updates(t, `
metadata: {name: web, namespace: default}
spec: {clusterIPs: [10.96.0.7, "fd00::7"], clusterIP: 10.96.0.7, ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]}
`, validation.ServiceUpdate, []row[corev1.Service]{
		{"one family", func(s *corev1.Service) {
			s.Spec.IPFamilies, s.Spec.ClusterIPs, s.Spec.IPFamilyPolicy = s.Spec.IPFamilies[:1], s.Spec.ClusterIPs[:1], ptr(corev1.IPFamilyPolicySingleStack)
		}, ``},
		{"one family silently", func(s *corev1.Service) { s.Spec.IPFamilies = s.Spec.IPFamilies[:1] },
			"spec.ipFamilies: Invalid value: [\"IPv4\"]: `ipFamilyPolicy` must be set to 'SingleStack' when releasing the secondary ipFamily"},
		{"no family", func(s *corev1.Service) { s.Spec.IPFamilies = nil }, `spec.ipFamilies[0]: Invalid value: null: primary ipFamily can not be unset`},
	})
	updates(t, service, validation.ServiceStatusUpdate, []row[corev1.Service]{
		{"ingress", func(s *corev1.Service) { s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "1.1.1.1"}} },
			"status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is LoadBalancer"},
	})
}

func TestEndpoints(t *testing.T) {
	table(t, `
metadata: {name: web, namespace: default}
subsets: [{addresses: [{ip: 10.244.1.2}], ports: [{port: 80}]}]
`, validation.Endpoints, []row[corev1.Endpoints]{
		{"empty", func(e *corev1.Endpoints) { e.Subsets[0].Addresses = nil }, "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"},
		{"link local", func(e *corev1.Endpoints) { e.Subsets[0].Addresses[0].IP = "169.254.169.254" },
			`subsets[0].addresses[0].ip: Invalid value: "169.254.169.254": may not be in the link-local range (169.254.0.0/16, fe80::/10)`},
	})
	const slice = `
metadata: {name: web-1, namespace: default}
addressType: IPv4
endpoints: [{addresses: [10.244.1.2]}]
ports: [{port: 80}]
`
	table(t, slice, validation.EndpointSlice, []row[discoveryv1.EndpointSlice]{
		{"no type", func(s *discoveryv1.EndpointSlice) { s.AddressType = "" }, `addressType: Required value`},
		{"no address", func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Addresses = nil },
			`endpoints[0].addresses: Required value: must contain at least 1 address`},
		{"port name twice", func(s *discoveryv1.EndpointSlice) { s.Ports = append(s.Ports, s.Ports[0]) }, `ports[1].name: Duplicate value: ""`},
	})
	updates(t, slice, validation.EndpointSliceUpdate, []row[discoveryv1.EndpointSlice]{
		{"type", func(s *discoveryv1.EndpointSlice) { s.AddressType, s.Endpoints = "FQDN", nil }, `addressType: Invalid value: "FQDN": field is immutable`},
	})
}
