package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestServiceCells(t *testing.T) {
	tcp := func(port, nodePort int32) corev1.ServicePort {
		return corev1.ServicePort{Port: port, NodePort: nodePort, Protocol: corev1.ProtocolTCP}
	}
	ingress := corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "1.2.3.4"}, {Hostname: "lb.example"}}}}
	for _, c := range []struct {
		name                        string
		service                     corev1.Service
		clusterIP, externalIP, port string
	}{
		{"cluster IP", corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIPs: []string{"10.96.0.1"}, Ports: []corev1.ServicePort{tcp(443, 0)}}},
			"10.96.0.1", "<none>", "443/TCP"},
		{"headless, no port", corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIPs: []string{"None"}}}, "None", "<none>", "<none>"},
		{"node port", corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ClusterIPs: []string{"10.96.0.9"}, ExternalIPs: []string{"5.5.5.5"},
			Ports: []corev1.ServicePort{tcp(80, 30080), tcp(443, 30443)}}}, "10.96.0.9", "5.5.5.5", "80:30080/TCP,443:30443/TCP"},
		{"load balancer to come", corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ClusterIPs: []string{"10.96.0.9"}, Ports: []corev1.ServicePort{tcp(80, 30080)}}},
			"10.96.0.9", "<pending>", "80:30080/TCP"},
		{"load balancer", corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ClusterIPs: []string{"10.96.0.9"}, ExternalIPs: []string{"5.5.5.5"}}, Status: ingress},
			"10.96.0.9", "1.2.3.4,lb.example,5.5.5.5", "<none>"},
		{"external name", corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "db.example"}}, "<none>", "db.example", "<none>"},
	} {
		cells := map[string]any{}
		for _, column := range serviceColumns {
			cells[column.Name] = column.Cell(&c.service)
		}
		if cells["Cluster-IP"] != c.clusterIP || cells["External-IP"] != c.externalIP || cells["Port(s)"] != c.port {
			t.Errorf("%s: got %v %v %v", c.name, cells["Cluster-IP"], cells["External-IP"], cells["Port(s)"])
		}
	}
}

func TestNodeCells(t *testing.T) {
	node := func(ready corev1.ConditionStatus, cordoned bool, labels ...string) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}, Spec: corev1.NodeSpec{Unschedulable: cordoned}}
		if ready != "" {
			n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue}, {Type: corev1.NodeReady, Status: ready}}
		}
		for _, l := range labels {
			n.Labels[l] = ""
		}
		return n
	}
	for _, c := range []struct {
		node          *corev1.Node
		status, roles string
	}{
		{node("", false), "Unknown", "<none>"},
		{node(corev1.ConditionTrue, false, "node-role.kubernetes.io/worker", "node-role.kubernetes.io/control-plane"), "Ready", "control-plane,worker"},
		{node(corev1.ConditionUnknown, true, "node-role.kubernetes.io/"), "NotReady,SchedulingDisabled", "<none>"},
	} {
		if status, roles := nodeStatus(c.node), nodeRoles(c.node); status != c.status || roles != c.roles {
			t.Errorf("got %s %s, want %s %s", status, roles, c.status, c.roles)
		}
	}
}

func TestEndpointsCell(t *testing.T) {
	addresses := func(ips ...string) []corev1.EndpointAddress {
		var out []corev1.EndpointAddress
		for _, ip := range ips {
			out = append(out, corev1.EndpointAddress{IP: ip})
		}
		return out
	}
	ports := []corev1.EndpointPort{{Port: 80}, {Port: 443}}
	for _, c := range []struct {
		subsets []corev1.EndpointSubset
		want    string
	}{
		{nil, "<none>"},
		{[]corev1.EndpointSubset{{NotReadyAddresses: addresses("10.0.0.1"), Ports: ports}}, "<none>"},
		{[]corev1.EndpointSubset{{Addresses: addresses("10.0.0.1")}}, "10.0.0.1"},
		{[]corev1.EndpointSubset{{Addresses: addresses("10.0.0.1", "fd00::1"), Ports: ports}}, "10.0.0.1:80,[fd00::1]:80,10.0.0.1:443 + 1 more..."},
	} {
		if got := endpointsCell(&corev1.Endpoints{Subsets: c.subsets}); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestEventCells(t *testing.T) {
	e := &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "p"}, Message: "  hello\n",
		ReportingController: "kubelet", Source: corev1.EventSource{Host: "node-1"}}
	cells := map[string]any{}
	for _, column := range eventColumns {
		cells[column.Name] = column.Cell(e)
	}
	for name, want := range map[string]any{"Object": "pod/p", "Message": "hello", "Source": "kubelet, node-1", "Count": int64(1), "Last Seen": "<unknown>"} {
		if cells[name] != want {
			t.Errorf("%s: got %v, want %v", name, cells[name], want)
		}
	}
}
