package servicecidrs

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func cidr(name string, ranges ...string) *networkingv1.ServiceCIDR {
	return &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: ranges}}
}

func TestOrphans(t *testing.T) {
	now := metav1.Now()
	leaving := cidr("leaving", "10.1.0.0/16")
	leaving.DeletionTimestamp = &now
	for _, c := range []struct {
		name    string
		others  []*networkingv1.ServiceCIDR
		address string
		want    bool
	}{
		{"nothing is taken", nil, "", false},
		{"one of its addresses is taken", nil, "10.1.0.5", true},
		{"one of its second range", nil, "fd01::5", true},
		{"one of another range", nil, "10.2.0.5", false},
		{"a wider range stays", []*networkingv1.ServiceCIDR{cidr("wide", "10.0.0.0/8")}, "10.1.0.5", false},
		{"a narrower range has it", []*networkingv1.ServiceCIDR{cidr("narrow", "10.1.0.0/29")}, "10.1.0.5", false},
		{"a narrower range has it not", []*networkingv1.ServiceCIDR{cidr("narrow", "10.1.0.0/30")}, "10.1.0.5", true},
		{"the other range goes as well", []*networkingv1.ServiceCIDR{leaving}, "10.1.0.5", true},
	} {
		var addresses []*networkingv1.IPAddress
		if c.address != "" {
			addresses = append(addresses, &networkingv1.IPAddress{ObjectMeta: metav1.ObjectMeta{Name: c.address}})
		}
		it := cidr("it", "10.1.0.0/24", "fd01::/112")
		if got := orphans(it, append(c.others, it), addresses); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}
