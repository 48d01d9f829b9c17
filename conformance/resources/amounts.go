// Package resources judges the area "resources".
package resources

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// list is a list of resources, given as names and amounts in turn.
func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

// sized is a pod whose container runs the tool with args and has these requests and limits.
func sized(name string, requests, limits corev1.ResourceList, args ...string) *corev1.Pod {
	pod := Pod(name, args...)
	pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: requests, Limits: limits}
	return pod
}

var _ = Describe("amounts", func() {
	f := New()

	f.It("resources/units", func(ctx SpecContext) {
		for _, same := range [][]string{{"cpu", "0.5", "500m", "5e-1"}, {"memory", "128974848", "128974848000m", "123Mi", "125952Ki"}, {"memory", "1G", "1000M", "1e9", "1E9"},
			{"memory", "1Ti", "1024Gi"}, {"memory", "1P", "1000T"}, {"ephemeral-storage", "1Ei", "1024Pi"}} {
			for _, amount := range same[1:] {
				pod := sized("units", list(same[0], amount), nil, "sleep", "1h")
				Expect(f.DryCreate(ctx, pod)).To(Succeed(), amount)
				got, want := pod.Spec.Containers[0].Resources.Requests[corev1.ResourceName(same[0])], resource.MustParse(same[1])
				Expect(got.Cmp(want)).To(BeZero(), "%s of %s was read as %s", amount, same[0], got.String())
			}
		}
	})

	f.It("resources/malformed-amount", func(ctx SpecContext) {
		for _, amount := range []string{"1k i", "1KiB", "five", "1mi"} {
			err := f.API.CoreV1().RESTClient().Post().Namespace(f.Namespace).Resource("pods").Param("dryRun", "All").SetHeader("Content-Type", "application/json").
				Body([]byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"malformed"},"spec":{"containers":[{"name":"main","image":"` + Image("tool") +
					`","resources":{"requests":{"memory":"` + amount + `"}}}]}}`)).Do(ctx).Error()
			MustRefuse(err, 400)
		}
		MustBeInvalid(f.DryCreate(ctx, sized("negative", list("memory", "-1"), nil)), "spec.containers[0].resources.requests[memory]", "must be greater than or equal to 0")
	})

	f.It("resources/finest-cpu", func(ctx SpecContext) {
		for amount, want := range map[string]string{"1m": "1m", "0.0004": "1m", "0.1001": "101m", "2": "2"} {
			pod := sized("fine", list("cpu", amount), nil, "sleep", "1h")
			Expect(f.DryCreate(ctx, pod)).To(Succeed())
			Expect(pod.Spec.Containers[0].Resources.Requests.Cpu().String()).To(Equal(want), "a request of %s", amount)
		}
	})

	f.It("resources/request-over-limit", func(ctx SpecContext) {
		MustBeInvalid(f.DryCreate(ctx, sized("p", list("cpu", "600m"), list("cpu", "500m"))), "spec.containers[0].resources.requests", "must be less than or equal to cpu limit of 500m")
		MustBeInvalid(f.DryCreate(ctx, sized("p", list("memory", "2Gi"), list("memory", "1Gi"))), "spec.containers[0].resources.requests", "must be less than or equal to memory limit of 1Gi")
	})

	f.It("resources/limit-sets-request", func(ctx SpecContext) {
		pod := sized("p", list("memory", "16Mi"), list("cpu", "250m", "memory", "64Mi"), "sleep", "1h")
		Expect(f.DryCreate(ctx, pod)).To(Succeed())
		requests := pod.Spec.Containers[0].Resources.Requests
		Expect([]string{requests.Cpu().String(), requests.Memory().String()}).To(Equal([]string{"250m", "16Mi"}))
	})

	f.It("resources/huge-pages-request-equals-limit", func(ctx SpecContext) {
		pages := list("hugepages-2Mi", "4Mi", "cpu", "100m")
		pod := sized("p", list("cpu", "100m"), pages, "sleep", "1h")
		Expect(f.DryCreate(ctx, pod)).To(Succeed())
		Expect(pod.Spec.Containers[0].Resources.Requests["hugepages-2Mi"]).To(Equal(pod.Spec.Containers[0].Resources.Limits["hugepages-2Mi"]), "the request")
		MustBeInvalid(f.DryCreate(ctx, sized("p", list("hugepages-2Mi", "2Mi", "cpu", "100m"), pages)), "spec.containers[0].resources.requests", "must be equal to hugepages-2Mi limit of 4Mi")
		MustRefuse(f.DryCreate(ctx, sized("p", nil, list("hugepages-2Mi", "4Mi"))), 422, "HugePages require cpu or memory")
	})

	f.It("resources/extended-whole", func(ctx SpecContext) {
		const name = "conformance.etalon.dev/thing"
		Expect(f.DryCreate(ctx, sized("p", nil, list(name, "2"), "sleep", "1h"))).To(Succeed())
		MustRefuse(f.DryCreate(ctx, sized("p", nil, list(name, "1500m"))), 422, "must be an integer")
		MustBeInvalid(f.DryCreate(ctx, sized("p", list(name, "1"), list(name, "2"))), "spec.containers[0].resources.requests", "must be equal to "+name+" limit of 2")
		MustRefuse(f.DryCreate(ctx, sized("p", list(name, "1"), nil)), 422, "Limit must be set for non overcommitable resources")
	})

	f.It("resources/resize-subresource", func(ctx SpecContext) {
		pod := sized("p", list("cpu", "10m"), nil, "sleep", "1h")
		f.CreateHeld(ctx, pod)
		patch := `{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"20m"}}}]}}`
		MustRefuse(f.TryPatch(ctx, pod, types.StrategicMergePatchType, patch), 422, "pod updates may not change fields other than")
	})

	f.It("resources/resize-refused", func(ctx SpecContext) {
		pod := sized("p", list("cpu", "10m", "memory", "16Mi"), list("cpu", "20m", "ephemeral-storage", "1Gi"), "sleep", "1h")
		f.CreateHeld(ctx, pod)
		resize := func(resources string) error {
			return f.TryPatch(ctx, pod.DeepCopy(), types.StrategicMergePatchType, `{"spec":{"containers":[{"name":"main","resources":`+resources+`}]}}`, "resize")
		}
		MustRefuse(resize(`{"requests":{"cpu":null,"memory":null}}`), 422, "resource requests cannot be removed")
		MustRefuse(resize(`{"limits":{"cpu":null}}`), 422, "resource limits cannot be removed")
		MustRefuse(resize(`{"limits":{"ephemeral-storage":"2Gi"}}`), 422, "only cpu and memory resources are mutable")
		MustRefuse(resize(`{"requests":{"cpu":"20m","memory":"16Mi"},"limits":{"cpu":"20m","memory":"16Mi"}}`), 422, "Pod QOS Class may not change as a result of resizing")
	})
})
