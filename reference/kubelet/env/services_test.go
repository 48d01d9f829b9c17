package env

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestServices(t *testing.T) {
	redis := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "redis-primary", Namespace: "ns"},
		Spec: v1.ServiceSpec{ClusterIP: "10.0.0.11", Ports: []v1.ServicePort{
			{Name: "db", Port: 6379}, {Name: "my-dns", Port: 53, Protocol: v1.ProtocolUDP},
		}},
	}
	headless := &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: "h", Namespace: "ns"},
		Spec: v1.ServiceSpec{ClusterIP: "None", Ports: []v1.ServicePort{{Port: 1}}}}
	elsewhere := &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "other"},
		Spec: v1.ServiceSpec{ClusterIP: "10.0.0.12", Ports: []v1.ServicePort{{Port: 1}}}}
	want := []Var{
		{"REDIS_PRIMARY_SERVICE_HOST", "10.0.0.11"},
		{"REDIS_PRIMARY_SERVICE_PORT", "6379"},
		{"REDIS_PRIMARY_SERVICE_PORT_DB", "6379"},
		{"REDIS_PRIMARY_SERVICE_PORT_MY_DNS", "53"},
		{"REDIS_PRIMARY_PORT", "tcp://10.0.0.11:6379"},
		{"REDIS_PRIMARY_PORT_6379_TCP", "tcp://10.0.0.11:6379"},
		{"REDIS_PRIMARY_PORT_6379_TCP_PROTO", "tcp"},
		{"REDIS_PRIMARY_PORT_6379_TCP_PORT", "6379"},
		{"REDIS_PRIMARY_PORT_6379_TCP_ADDR", "10.0.0.11"},
		{"REDIS_PRIMARY_PORT_53_UDP", "udp://10.0.0.11:53"},
		{"REDIS_PRIMARY_PORT_53_UDP_PROTO", "udp"},
		{"REDIS_PRIMARY_PORT_53_UDP_PORT", "53"},
		{"REDIS_PRIMARY_PORT_53_UDP_ADDR", "10.0.0.11"},
	}
	all := []*v1.Service{redis, headless, elsewhere}
	if diff := cmp.Diff(want, Services(all, "ns", true)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := Services(all, "ns", false); len(got) != 0 {
		t.Errorf("without links: got %v, want none", got)
	}
	if got := Services([]*v1.Service{redis, kubernetes()}, "ns", false); len(got) != 8 || got[0].Name != "KUBERNETES_SERVICE_HOST" {
		t.Errorf("without links, the Service kubernetes is still told of: got %v", got)
	}
}
