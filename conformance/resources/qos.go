package resources

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("quality of service", func() {
	f := New()
	class := func(ctx SpecContext, pod *corev1.Pod) corev1.PodQOSClass {
		GinkgoHelper()
		Expect(f.DryCreate(ctx, pod)).To(Succeed())
		return pod.Status.QOSClass
	}
	both := list("cpu", "100m", "memory", "32Mi")

	f.It("resources/qos-guaranteed", func(ctx SpecContext) {
		Expect(class(ctx, sized("p", both, both))).To(Equal(corev1.PodQOSGuaranteed))
		Expect(class(ctx, sized("p", nil, both))).To(Equal(corev1.PodQOSGuaranteed), "requests that come from the limits")
		two := sized("p", both, both)
		two.Spec.Containers = append(two.Spec.Containers, Container("second", "sleep", "1h"))
		two.Spec.Containers[1].Resources.Limits = both
		Expect(class(ctx, two)).To(Equal(corev1.PodQOSGuaranteed), "two containers")
	})

	f.It("resources/qos-burstable", func(ctx SpecContext) {
		Expect(class(ctx, sized("p", list("cpu", "100m"), nil))).To(Equal(corev1.PodQOSBurstable), "a request")
		Expect(class(ctx, sized("p", nil, list("memory", "32Mi")))).To(Equal(corev1.PodQOSBurstable), "a limit of one resource")
		Expect(class(ctx, sized("p", list("cpu", "50m"), both))).To(Equal(corev1.PodQOSBurstable), "a request below the limit")
		two := sized("p", both, both)
		two.Spec.Containers = append(two.Spec.Containers, Container("second", "sleep", "1h"))
		Expect(class(ctx, two)).To(Equal(corev1.PodQOSBurstable), "a second container without resources")
		init := sized("p", both, both)
		init.Spec.InitContainers = []corev1.Container{Container("init", "exit", "0")}
		Expect(class(ctx, init)).To(Equal(corev1.PodQOSBurstable), "an init container without resources")
	})

	f.It("resources/qos-best-effort", func(ctx SpecContext) {
		Expect(class(ctx, sized("p", nil, nil))).To(Equal(corev1.PodQOSBestEffort))
		Expect(class(ctx, sized("p", list("ephemeral-storage", "1Mi"), nil))).To(Equal(corev1.PodQOSBestEffort), "ephemeral storage does not count")
	})

	whole := func(requests, limits corev1.ResourceList) *corev1.Pod {
		pod := sized("p", list("cpu", "10m"), nil)
		pod.Spec.Resources = &corev1.ResourceRequirements{Requests: requests, Limits: limits}
		return pod
	}

	f.It("resources/pod-level-qos", func(ctx SpecContext) {
		Expect(class(ctx, whole(both, both))).To(Equal(corev1.PodQOSGuaranteed))
		Expect(class(ctx, whole(list("cpu", "50m"), both))).To(Equal(corev1.PodQOSBurstable))
	})

	f.It("resources/pod-level-defaults", func(ctx SpecContext) {
		pod := whole(nil, list("memory", "64Mi"))
		Expect(f.DryCreate(ctx, pod)).To(Succeed())
		Expect(pod.Spec.Resources.Requests.Memory().String()).To(Equal("64Mi"))
		Expect(pod.Spec.Containers[0].Resources.Limits).To(BeEmpty(), "limits of the container")
	})
})
