package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
)

// prepareUpdate is what an update does before it allocates.
func prepareUpdate(s, old *corev1.Service) {
	keepAllocated(s, old)
	normalizeClusterIPs(s, old)
	dropUnneeded(s, old)
}

func nodePortService() *corev1.Service {
	return &corev1.Service{Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeNodePort, ClusterIP: "10.96.0.5", ClusterIPs: []string{"10.96.0.5"},
		IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, IPFamilyPolicy: ptr.To(corev1.IPFamilyPolicySingleStack),
		InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyCluster), ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyCluster,
		Ports: []corev1.ServicePort{{Port: 80, NodePort: 30080, Protocol: corev1.ProtocolTCP}},
	}}
}

func TestServiceUpdateKeepsWhatTheClientLeftOut(t *testing.T) {
	old := nodePortService()
	applied := old.DeepCopy()
	applied.Spec.ClusterIP, applied.Spec.ClusterIPs, applied.Spec.IPFamilies, applied.Spec.IPFamilyPolicy = "", nil, nil, nil
	applied.Spec.Ports[0].NodePort = 0
	prepareUpdate(applied, old)
	if !equality.Semantic.DeepEqual(applied, old) {
		t.Errorf("got %+v", applied.Spec)
	}
}

func TestServiceUpdateDoesNotTakeAnotherPortsNodePort(t *testing.T) {
	old := nodePortService()
	s := old.DeepCopy()
	s.Spec.Ports = []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}, {Port: 81, NodePort: 30080, Protocol: corev1.ProtocolTCP}}
	prepareUpdate(s, old)
	if s.Spec.Ports[0].NodePort != 0 {
		t.Errorf("both ports have node port %d", s.Spec.Ports[0].NodePort)
	}
}

func TestServiceTypeChangeDropsWhatIsNotNeeded(t *testing.T) {
	old := nodePortService()
	s := old.DeepCopy()
	s.Spec.Type = corev1.ServiceTypeClusterIP
	prepareUpdate(s, old)
	if s.Spec.Ports[0].NodePort != 0 || s.Spec.ExternalTrafficPolicy != "" || s.Spec.ClusterIP != "10.96.0.5" {
		t.Errorf("to ClusterIP: %+v", s.Spec)
	}

	s = old.DeepCopy()
	s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, "db.example"
	prepareUpdate(s, old)
	if s.Spec.ClusterIP != "" || s.Spec.ClusterIPs != nil || s.Spec.IPFamilies != nil || s.Spec.IPFamilyPolicy != nil || s.Spec.InternalTrafficPolicy != nil {
		t.Errorf("to ExternalName: %+v", s.Spec)
	}

	s = old.DeepCopy()
	s.Spec.Type = corev1.ServiceTypeClusterIP
	s.Spec.Ports[0].NodePort = 30081
	prepareUpdate(s, old)
	if s.Spec.Ports[0].NodePort != 30081 {
		t.Error("a node port that the client asks for must stay, to be refused")
	}
}

func TestNormalizeClusterIPs(t *testing.T) {
	type ips struct {
		one  string
		many []string
	}
	for _, c := range []struct {
		name     string
		old      *ips
		in, want ips
	}{
		{"new, by the old field", nil, ips{one: "10.0.0.1"}, ips{"10.0.0.1", []string{"10.0.0.1"}}},
		{"new, by both", nil, ips{"10.0.0.1", []string{"10.0.0.2"}}, ips{"10.0.0.1", []string{"10.0.0.2"}}},
		{"cleared by the old field", &ips{"10.0.0.1", []string{"10.0.0.1"}}, ips{"", []string{"10.0.0.1"}}, ips{}},
		{"changed by the old field", &ips{"10.0.0.1", []string{"10.0.0.1"}}, ips{"10.0.0.2", []string{"10.0.0.1"}}, ips{"10.0.0.2", []string{"10.0.0.2"}}},
	} {
		service := func(i ips) *corev1.Service {
			return &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: i.one, ClusterIPs: i.many}}
		}
		var old *corev1.Service
		if c.old != nil {
			old = service(*c.old)
		}
		s := service(c.in)
		normalizeClusterIPs(s, old)
		if !equality.Semantic.DeepEqual(s, service(c.want)) {
			t.Errorf("%s: got %q %q", c.name, s.Spec.ClusterIP, s.Spec.ClusterIPs)
		}
	}
}

func TestSetFamilies(t *testing.T) {
	v4, v6 := corev1.IPv4Protocol, corev1.IPv6Protocol
	single, prefer, required := corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack
	for _, c := range []struct {
		name     string
		dual     bool // the cluster
		old      *corev1.ServiceSpec
		spec     corev1.ServiceSpec
		families []corev1.IPFamily
		policy   corev1.IPFamilyPolicy
		err      string
	}{
		{name: "default", families: []corev1.IPFamily{v4}, policy: single},
		{name: "prefer", spec: corev1.ServiceSpec{IPFamilyPolicy: &prefer}, families: []corev1.IPFamily{v4}, policy: prefer},
		{name: "require", spec: corev1.ServiceSpec{IPFamilyPolicy: &required}, err: `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`},
		{name: "another family", spec: corev1.ServiceSpec{IPFamilies: []corev1.IPFamily{v6}}, err: `spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster`},
		{name: "another family's address", spec: corev1.ServiceSpec{ClusterIPs: []string{"fd00::1"}}, err: `spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster`},
		{name: "headless", spec: corev1.ServiceSpec{ClusterIP: "None", ClusterIPs: []string{"None"}, Selector: map[string]string{"a": "b"}}, families: []corev1.IPFamily{v4}, policy: single},
		{name: "headless without selector", spec: corev1.ServiceSpec{ClusterIP: "None", ClusterIPs: []string{"None"}}, families: []corev1.IPFamily{v4, v6}, policy: required},
		{name: "headless without selector, single", spec: corev1.ServiceSpec{ClusterIP: "None", IPFamilyPolicy: &single}, families: []corev1.IPFamily{v4}, policy: single},
		{name: "two families on a cluster of one", spec: corev1.ServiceSpec{IPFamilies: []corev1.IPFamily{v4, v6}, IPFamilyPolicy: &prefer},
			err: `spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster`},
		{name: "dual: default", dual: true, families: []corev1.IPFamily{v4}, policy: single},
		{name: "dual: the other", dual: true, spec: corev1.ServiceSpec{IPFamilies: []corev1.IPFamily{v6}}, families: []corev1.IPFamily{v6}, policy: single},
		{name: "dual: prefer", dual: true, spec: corev1.ServiceSpec{IPFamilyPolicy: &prefer}, families: []corev1.IPFamily{v4, v6}, policy: prefer},
		{name: "dual: require, the other first", dual: true, spec: corev1.ServiceSpec{IPFamilyPolicy: &required, IPFamilies: []corev1.IPFamily{v6}}, families: []corev1.IPFamily{v6, v4}, policy: required},
		{name: "dual: two families", dual: true, spec: corev1.ServiceSpec{IPFamilies: []corev1.IPFamily{v6, v4}}, families: []corev1.IPFamily{v6, v4}, policy: required},
		{name: "dual: two addresses", dual: true, spec: corev1.ServiceSpec{ClusterIP: "fd00::1", ClusterIPs: []string{"fd00::1", "10.0.0.1"}}, families: []corev1.IPFamily{v6, v4}, policy: required},
		{name: "dual: single of two families", dual: true, spec: corev1.ServiceSpec{IPFamilyPolicy: &single, IPFamilies: []corev1.IPFamily{v4, v6}},
			err: `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be RequireDualStack or PreferDualStack when multiple 'ipFamilies' are specified`},
		{name: "dual: single of two addresses", dual: true, spec: corev1.ServiceSpec{IPFamilyPolicy: &single, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1", "fd00::1"}},
			err: `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be RequireDualStack or PreferDualStack when multiple 'clusterIPs' are specified`},
		{name: "dual: one that preferred two before there were two stays", dual: true,
			old:  &corev1.ServiceSpec{IPFamilyPolicy: &prefer, IPFamilies: []corev1.IPFamily{v4}, ClusterIPs: []string{"10.0.0.1"}},
			spec: corev1.ServiceSpec{IPFamilyPolicy: &prefer, IPFamilies: []corev1.IPFamily{v4}, ClusterIPs: []string{"10.0.0.1"}}, families: []corev1.IPFamily{v4}, policy: prefer},
		{name: "dual: upgrade", dual: true,
			old:  &corev1.ServiceSpec{IPFamilyPolicy: &single, IPFamilies: []corev1.IPFamily{v4}, ClusterIPs: []string{"10.0.0.1"}},
			spec: corev1.ServiceSpec{IPFamilyPolicy: &required, IPFamilies: []corev1.IPFamily{v4}, ClusterIPs: []string{"10.0.0.1"}}, families: []corev1.IPFamily{v4, v6}, policy: required},
	} {
		s := &corev1.Service{Spec: c.spec}
		cluster := []corev1.IPFamily{v4}
		if c.dual {
			cluster = append(cluster, v6)
		}
		var old *corev1.Service
		if c.old != nil {
			old = &corev1.Service{Spec: *c.old}
		}
		errs := setFamilies(s, old, cluster)
		if c.err != "" {
			if len(errs) != 1 || errs[0].Error() != c.err {
				t.Errorf("%s: got %v, want %s", c.name, errs, c.err)
			}
			continue
		}
		if len(errs) > 0 || !equality.Semantic.DeepEqual(s.Spec.IPFamilies, c.families) || *s.Spec.IPFamilyPolicy != c.policy {
			t.Errorf("%s: got %v %v %v", c.name, errs, s.Spec.IPFamilies, *s.Spec.IPFamilyPolicy)
		}
	}
}
