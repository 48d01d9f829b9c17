package integration_test

import (
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/apiserver/server"
)

// On a cluster of two families a Service gains and loses its second address, and its record, as its
// policy says; a deleted record of an address in use comes back.
func TestDualStackServices(t *testing.T) {
	config := apiservertest.New(t, func(o *server.Options) { o.ServiceCIDR = "10.96.0.0/16,fd00:96::/112" }).Config
	client := kubernetes.NewForConfigOrDie(config)
	services, addresses := client.CoreV1().Services("default"), client.NetworkingV1().IPAddresses()
	published, err := client.NetworkingV1().ServiceCIDRs().Get(t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil || !slices.Equal(published.Spec.CIDRs, []string{"10.96.0.0/16", "fd00:96::/112"}) {
		t.Errorf("the default ServiceCIDR: %v, %v", published, err)
	}
	require, single := corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack
	s, err := services.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "a"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	if err != nil || len(s.Spec.ClusterIPs) != 1 || *s.Spec.IPFamilyPolicy != single {
		t.Fatalf("by default: %v, %v", s, err)
	}
	first := s.Spec.ClusterIP
	s.Spec.IPFamilyPolicy = &require
	s, err = services.Update(t.Context(), s, metav1.UpdateOptions{})
	if err != nil || len(s.Spec.ClusterIPs) != 2 || s.Spec.ClusterIPs[0] != first || !netip.MustParsePrefix("fd00:96::/112").Contains(netip.MustParseAddr(s.Spec.ClusterIPs[1])) {
		t.Fatalf("upgraded: %v, %v", s, err)
	}
	second := s.Spec.ClusterIPs[1]
	record, err := addresses.Get(t.Context(), second, metav1.GetOptions{})
	if err != nil || record.Labels[networkingv1.LabelIPAddressFamily] != "IPv6" || record.Spec.ParentRef.Name != "a" {
		t.Errorf("its record: %v, %v", record, err)
	}
	if err := addresses.Delete(t.Context(), second, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if again, err := addresses.Get(t.Context(), second, metav1.GetOptions{}); err != nil || again.UID == record.UID {
		t.Errorf("a deleted record of an address in use: %v, %v", again, err)
	}
	s.Spec.IPFamilyPolicy = &single
	s, err = services.Update(t.Context(), s, metav1.UpdateOptions{})
	if err != nil || !slices.Equal(s.Spec.ClusterIPs, []string{first}) || len(s.Spec.IPFamilies) != 1 {
		t.Fatalf("downgraded: %v, %v", s, err)
	}
	if _, err := addresses.Get(t.Context(), second, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the record of a released address: %v", err)
	}
}
