// Package services judges the area "services": Services of type ClusterIP, and their EndpointSlices.
package services

import (
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("cluster IPs", func() {
	f := New()

	f.It("services/cluster-ip", func(ctx SpecContext) {
		one, two := Service("one"), Service("two")
		f.Create(ctx, one, two)
		for _, service := range []*corev1.Service{one, two} {
			_, err := netip.ParseAddr(service.Spec.ClusterIP)
			Expect(err).NotTo(HaveOccurred(), "clusterIP %q", service.Spec.ClusterIP)
			Expect(service.Spec.ClusterIPs).To(HaveExactElements(service.Spec.ClusterIP))
		}
		Expect(one.Spec.ClusterIP).NotTo(Equal(two.Spec.ClusterIP))
		before := one.Spec.ClusterIP
		f.Edit(ctx, one, func() {
			one.Spec.Selector = map[string]string{"app": "other"}
			one.Spec.Ports[0].Port = 81
		})
		Expect(one.Spec.ClusterIP).To(Equal(before), "the IP after the Service was changed")
		f.Edit(ctx, one, func() { one.Spec.ClusterIP, one.Spec.ClusterIPs = "", nil })
		Expect(one.Spec.ClusterIP).To(Equal(before), "the IP after an update without it")
	})

	f.It("services/cluster-ip-conflict", func(ctx SpecContext) {
		first := Service("first")
		f.Create(ctx, first)
		second := Service("second")
		second.Spec.ClusterIP = first.Spec.ClusterIP
		MustBeInvalid(f.TryCreate(ctx, second), "spec.clusterIPs", "already allocated")
		f.Delete(ctx, first)
		f.WaitGone(ctx, first)
		// Another spec that runs meanwhile may be given the free address; it is either ours or taken.
		if err := f.TryCreate(ctx, second); err != nil {
			MustBeInvalid(err, "spec.clusterIPs", "already allocated")
		}
	})

	f.It("services/cluster-ip-immutable", func(ctx SpecContext) {
		service, other := Service("service"), Service("other")
		f.Create(ctx, service, other)
		free := other.Spec.ClusterIP
		f.Delete(ctx, other)
		f.WaitGone(ctx, other)
		for _, ip := range []string{free, corev1.ClusterIPNone} {
			err := f.TryEdit(ctx, service, func() { service.Spec.ClusterIP, service.Spec.ClusterIPs = ip, []string{ip} })
			MustRefuse(err, 422, "spec.clusterIPs")
		}
		for _, ip := range []string{"192.0.2.1", "not-an-ip", "127.0.0.1"} {
			outside := Service("outside")
			outside.Spec.ClusterIP = ip
			MustRefuse(f.TryCreate(ctx, outside), 422, "spec.clusterIP")
		}
	})

	f.It("services/several-ports-need-names", func(ctx SpecContext) {
		service := Service("web")
		service.Spec.Ports = []corev1.ServicePort{{Port: 80}, {Name: "other", Port: 81}}
		MustBeInvalid(f.TryCreate(ctx, service), "spec.ports[0].name")
		service.Spec.Ports[0].Name = "other"
		MustBeInvalid(f.TryCreate(ctx, service), "spec.ports[1].name", "Duplicate value")
		service.Spec.Ports[0].Name = "Not_A_Label"
		MustBeInvalid(f.TryCreate(ctx, service), "spec.ports[0].name")
		service.Spec.Ports[0].Name = "http"
		f.Create(ctx, service)
	})

	f.It("services/invalid-ports", func(ctx SpecContext) {
		for field, ports := range map[string][]corev1.ServicePort{
			"spec.ports":               {},
			"spec.ports[0].port":       {{Port: 65536}},
			"spec.ports[0].protocol":   {{Port: 80, Protocol: "ICMP"}},
			"spec.ports[0].targetPort": {{Port: 80, TargetPort: intstr.FromInt(70000)}},
			"spec.ports[1]":            {{Name: "a", Port: 80}, {Name: "b", Port: 80}},
		} {
			service := Service("web")
			service.Spec.Ports = ports
			MustBeInvalid(f.TryCreate(ctx, service), field)
		}
		both := Service("both") // one number, two protocols
		both.Spec.Ports = []corev1.ServicePort{{Name: "tcp", Port: 53}, {Name: "udp", Port: 53, Protocol: corev1.ProtocolUDP}}
		f.Create(ctx, both)
	})

	f.It("services/defaults", func(ctx SpecContext) {
		service := Service("web")
		service.Spec.Ports = []corev1.ServicePort{{Port: 80}}
		f.Create(ctx, service)
		Expect(service.Spec.Type).To(Equal(corev1.ServiceTypeClusterIP))
		Expect(service.Spec.Ports).To(Equal([]corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt(80)}}))
		Expect(service.Spec.SessionAffinity).To(Equal(corev1.ServiceAffinityNone))
		Expect(service.Spec.InternalTrafficPolicy).To(HaveValue(Equal(corev1.ServiceInternalTrafficPolicyCluster)))
		Expect(service.Spec.IPFamilyPolicy).To(HaveValue(Equal(corev1.IPFamilyPolicySingleStack)))
		Expect(service.Spec.IPFamilies).To(HaveLen(1))
	})
})
