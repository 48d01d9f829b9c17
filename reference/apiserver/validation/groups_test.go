package validation_test

import (
	"slices"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestClusterRoles(t *testing.T) {
	table(t, `{metadata: {name: r}, rules: [{verbs: [get], apiGroups: [""], resources: [pods]}]}`, validation.ClusterRole, []row[rbacv1.ClusterRole]{
		{"URLs", func(r *rbacv1.ClusterRole) {
			r.Rules[0] = rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/x"}}
		}, ``},
		{"URLs and names", func(r *rbacv1.ClusterRole) {
			r.Rules[0] = rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/x"}, ResourceNames: []string{"a"}}
		}, `rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs`},
		{"no resources", func(r *rbacv1.ClusterRole) { r.Rules[0].Resources = nil },
			`rules[0].resources: Required value: resource rules must supply at least one resource`},
		{"nothing", func(r *rbacv1.ClusterRole) { r.Rules[0] = rbacv1.PolicyRule{} },
			`[rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]`},
		{"aggregates nothing", func(r *rbacv1.ClusterRole) { r.AggregationRule = &rbacv1.AggregationRule{} },
			`aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil`},
	})
	table(t, `{metadata: {name: b}, roleRef: {kind: ClusterRole, name: r}, subjects: [{kind: ServiceAccount, name: s, namespace: ns}, {kind: Group, name: g}]}`,
		validation.ClusterRoleBinding, []row[rbacv1.ClusterRoleBinding]{
			{"role", func(b *rbacv1.ClusterRoleBinding) { b.RoleRef.Kind = "Role" },
				`roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"`},
			{"group of the role", func(b *rbacv1.ClusterRoleBinding) { b.RoleRef.APIGroup = "a" },
				`roleRef.apiGroup: Unsupported value: "a": supported values: "rbac.authorization.k8s.io"`},
			{"no role", func(b *rbacv1.ClusterRoleBinding) { b.RoleRef.Name = "" }, `roleRef.name: Required value`},
			{"no namespace", func(b *rbacv1.ClusterRoleBinding) { b.Subjects[0].Namespace = "" }, `subjects[0].namespace: Required value`},
			{"group of an account", func(b *rbacv1.ClusterRoleBinding) { b.Subjects[0].APIGroup = "a" },
				`subjects[0].apiGroup: Unsupported value: "a": supported values: ""`},
			{"group of a group", func(b *rbacv1.ClusterRoleBinding) { b.Subjects[1].APIGroup = "a" },
				`subjects[1].apiGroup: Unsupported value: "a": supported values: "rbac.authorization.k8s.io"`},
			{"nobody", func(b *rbacv1.ClusterRoleBinding) { b.Subjects[1].Name = "" }, `subjects[1].name: Required value`},
		})
}

func TestEndpointSlices(t *testing.T) {
	zones := func(names ...string) *discoveryv1.EndpointHints {
		h := &discoveryv1.EndpointHints{}
		for _, n := range names {
			h.ForZones = append(h.ForZones, discoveryv1.ForZone{Name: n})
		}
		return h
	}
	table(t, `{metadata: {name: s, namespace: ns}, addressType: IPv4, endpoints: [{addresses: [10.244.1.2]}], ports: [{port: 80}]}`,
		validation.EndpointSlice, []row[discoveryv1.EndpointSlice]{
			{"type", func(s *discoveryv1.EndpointSlice) { s.AddressType = "IP" },
				`addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"`},
			{"other family", func(s *discoveryv1.EndpointSlice) { s.AddressType = discoveryv1.AddressTypeIPv6 },
				`endpoints[0].addresses[0]: Invalid value: "10.244.1.2": must be an IPv6 address`},
			{"name for an address", func(s *discoveryv1.EndpointSlice) {
				s.AddressType, s.Endpoints[0].Addresses = discoveryv1.AddressTypeFQDN, []string{"example.com"}
			}, ``},
			{"loopback", func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Addresses[0] = "127.0.0.1" },
				`endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`},
			{"many addresses", func(s *discoveryv1.EndpointSlice) {
				s.Endpoints[0].Addresses = slices.Repeat([]string{"10.244.1.2"}, 101)
			}, `endpoints[0].addresses: Too many: 101: must have at most 100 items`},
			{"many endpoints", func(s *discoveryv1.EndpointSlice) { s.Endpoints = slices.Repeat(s.Endpoints, 1001) },
				`endpoints: Too many: 1001: must have at most 1000 items`},
			{"many ports", func(s *discoveryv1.EndpointSlice) { s.Ports = slices.Repeat(s.Ports, 20001) },
				`ports: Too many: 20001: must have at most 20000 items`},
			{"node", func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].NodeName = ptr("-") },
				`endpoints[0].nodeName: Invalid value: "-": a lowercase RFC 1123 subdomain must consist of…`},
			{"hostname", func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Hostname = ptr("a.b") },
				`endpoints[0].hostname: Invalid value: "a.b": must not contain dots`},
			{"many zones", func(s *discoveryv1.EndpointSlice) {
				s.Endpoints[0].Hints = zones("a", "b", "c", "d", "e", "f", "g", "h", "i")
			}, `endpoints[0].hints.forZones: Too many: 9: must have at most 8 items`},
			{"zone twice", func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Hints = zones("a", "a") },
				`endpoints[0].hints.forZones[1].name: Duplicate value: "a"`},
			{"port", func(s *discoveryv1.EndpointSlice) { s.Ports[0].Port = ptr[int32](0) },
				`ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive`},
			{"protocol", func(s *discoveryv1.EndpointSlice) { s.Ports[0].Protocol = ptr(corev1.Protocol("ICMP")) },
				`ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`},
			{"port name", func(s *discoveryv1.EndpointSlice) { s.Ports[0].Name = ptr("A") },
				`ports[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of…`},
		})
}

func TestLeases(t *testing.T) {
	table(t, `{metadata: {name: l, namespace: ns}}`, validation.Lease, []row[coordinationv1.Lease]{
		{"transitions", func(l *coordinationv1.Lease) { l.Spec.LeaseTransitions = ptr[int32](-1) },
			`spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0`},
		{"preferred", func(l *coordinationv1.Lease) { l.Spec.PreferredHolder = ptr("a") },
			"spec.preferredHolder: Forbidden: may only be specified when `strategy` is defined"},
	})
}

// TestTrustBundleStays: certificates are parsed when they change.
func TestTrustBundleStays(t *testing.T) {
	updates(t, `{metadata: {name: "a.b:c:d"}, spec: {signerName: a.b/c, trustBundle: not a certificate}}`, validation.ClusterTrustBundleUpdate,
		[]row[certificatesv1.ClusterTrustBundle]{
			{"changed", func(b *certificatesv1.ClusterTrustBundle) { b.Spec.TrustBundle = strings.ToUpper(b.Spec.TrustBundle) },
				`spec.trustBundle: Invalid value: "<value omitted>": at least one trust anchor must be provided`},
			{"signer", func(b *certificatesv1.ClusterTrustBundle) { b.Spec.SignerName = "a.b/e" },
				`[metadata.name: Invalid value: "a.b:c:d": ClusterTrustBundle for signerName a.b/e must be named with prefix a.b:e:, spec.signerName: Invalid value: "a.b/e": field is immutable]`},
		})
}
