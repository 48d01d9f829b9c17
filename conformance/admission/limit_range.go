package admission

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func limitRange(name string, items ...corev1.LimitRangeItem) *corev1.LimitRange {
	return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.LimitRangeSpec{Limits: items}}
}

var _ = Describe("LimitRanges", func() {
	f := New()

	// waitDefault waits until a dry run of a container that states nothing gets this limit of CPU.
	waitDefault := func(ctx context.Context, cpu string) {
		GinkgoHelper()
		f.WaitUntil(ctx, "containers get a limit of "+cpu+" CPU", EventTimeout, func(ctx context.Context) (bool, string) {
			pod := resting("probe", nil, nil)
			err := f.DryCreate(ctx, pod)
			limit := pod.Spec.Containers[0].Resources.Limits[corev1.ResourceCPU]
			want := list("cpu", cpu)["cpu"]
			return err == nil && limit.Cmp(want) == 0, fmt.Sprintf("%s, %v", limit.String(), err)
		})
	}
	resources := func(c corev1.Container, requests, limits corev1.ResourceList) {
		GinkgoHelper()
		Expect(same(c.Resources.Requests, requests)).To(BeTrue(), "requests of %s: %s", c.Name, show(c.Resources.Requests))
		Expect(same(c.Resources.Limits, limits)).To(BeTrue(), "limits of %s: %s", c.Name, show(c.Resources.Limits))
	}

	f.It("admission/limit-range-defaults", func(ctx SpecContext) {
		f.Create(ctx, limitRange("defaults", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer,
			Default: list("cpu", "500m", "memory", "500Mi"), DefaultRequest: list("cpu", "100m", "memory", "200Mi")}))
		waitDefault(ctx, "500m")
		pod := resting("p", list("memory", "150Mi"), list("cpu", "300m"))
		silent := Container("silent", "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, silent)
		pod.Spec.InitContainers = []corev1.Container{Container("initial", "sh", "")}
		f.Create(ctx, pod)
		// A limit without a request is a request too, before any LimitRange is asked.
		resources(pod.Spec.Containers[0], list("cpu", "300m", "memory", "150Mi"), list("cpu", "300m", "memory", "500Mi"))
		resources(pod.Spec.Containers[1], list("cpu", "100m", "memory", "200Mi"), list("cpu", "500m", "memory", "500Mi"))
		resources(pod.Spec.InitContainers[0], list("cpu", "100m", "memory", "200Mi"), list("cpu", "500m", "memory", "500Mi"))
		Expect(pod.Annotations).To(HaveKeyWithValue("kubernetes.io/limit-ranger", "LimitRanger plugin set: memory limit for container main; "+
			"cpu, memory request for container silent; cpu, memory limit for container silent; "+
			"cpu, memory request for init container initial; cpu, memory limit for init container initial"))
		Expect(pod.Status.QOSClass).To(Equal(corev1.PodQOSBurstable))
		whole := resting("whole", list("cpu", "1", "memory", "1Gi"), list("cpu", "1", "memory", "1Gi"))
		f.Create(ctx, whole)
		resources(whole.Spec.Containers[0], list("cpu", "1", "memory", "1Gi"), list("cpu", "1", "memory", "1Gi"))
		Expect(whole.Annotations).NotTo(HaveKey("kubernetes.io/limit-ranger"))
	})

	f.It("admission/limit-range-derived-defaults", func(ctx SpecContext) {
		r := limitRange("derived", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer,
			Max: list("cpu", "1"), Min: list("cpu", "200m", "memory", "64Mi"), Default: list("ephemeral-storage", "1Gi")})
		f.Create(ctx, r)
		Expect(same(r.Spec.Limits[0].Default, list("cpu", "1", "ephemeral-storage", "1Gi"))).To(BeTrue(), show(r.Spec.Limits[0].Default))
		Expect(same(r.Spec.Limits[0].DefaultRequest, list("cpu", "1", "ephemeral-storage", "1Gi", "memory", "64Mi"))).To(BeTrue(), show(r.Spec.Limits[0].DefaultRequest))
		waitDefault(ctx, "1")
		pod := resting("p", nil, nil)
		f.Create(ctx, pod)
		resources(pod.Spec.Containers[0], list("cpu", "1", "memory", "64Mi", "ephemeral-storage", "1Gi"), list("cpu", "1", "ephemeral-storage", "1Gi"))
	})

	f.It("admission/limit-range-bounds", func(ctx SpecContext) {
		f.Create(ctx, limitRange("bounds", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer,
			Min: list("cpu", "100m", "memory", "64Mi"), Max: list("cpu", "1", "memory", "1Gi")}))
		waitDefault(ctx, "1")
		for _, c := range []struct {
			requests, limits corev1.ResourceList
			parts            []string
		}{
			{list("cpu", "50m"), nil, []string{"minimum cpu usage per Container is 100m, but request is 50m"}},
			{nil, list("memory", "2Gi"), []string{"maximum memory usage per Container is 1Gi, but limit is 2Gi"}},
			{list("cpu", "50m"), list("memory", "2Gi"), []string{"minimum cpu usage per Container is 100m, but request is 50m", "maximum memory usage per Container is 1Gi, but limit is 2Gi"}},
		} {
			MustRefuse(f.TryCreate(ctx, resting("outside", c.requests, c.limits)), http.StatusForbidden, append(c.parts, `pods "outside" is forbidden`)...)
		}
		f.Create(ctx, resting("lowest", list("cpu", "100m", "memory", "64Mi"), nil), resting("highest", list("cpu", "1", "memory", "1Gi"), list("cpu", "1", "memory", "1Gi")))
	})

	f.It("admission/limit-range-ratio", func(ctx SpecContext) {
		f.Create(ctx, limitRange("ratio", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, MaxLimitRequestRatio: list("cpu", "2")}))
		waitRefused(ctx, f, resting("wide", list("cpu", "100m"), list("cpu", "250m")))
		MustRefuse(f.TryCreate(ctx, resting("wide", list("cpu", "100m"), list("cpu", "250m"))), http.StatusForbidden,
			"cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000")
		MustRefuse(f.TryCreate(ctx, resting("open", list("cpu", "100m"), nil)), http.StatusForbidden, "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0")
		f.Create(ctx, resting("narrow", list("cpu", "100m"), list("cpu", "200m")))
	})

	f.It("admission/limit-range-pod", func(ctx SpecContext) {
		f.Create(ctx, limitRange("pods", corev1.LimitRangeItem{Type: corev1.LimitTypePod, Max: list("cpu", "1"), Min: list("memory", "100Mi")}))
		of := func(name, cpu, memory string) *corev1.Pod {
			pod := resting(name, list("memory", memory), list("cpu", cpu))
			second := *pod.Spec.Containers[0].DeepCopy()
			second.Name = "second"
			pod.Spec.Containers = append(pod.Spec.Containers, second)
			return pod
		}
		waitRefused(ctx, f, of("large", "600m", "50Mi"))
		MustRefuse(f.TryCreate(ctx, of("large", "600m", "50Mi")), http.StatusForbidden, "maximum cpu usage per Pod is 1, but limit is ")
		MustRefuse(f.TryCreate(ctx, of("small", "100m", "25Mi")), http.StatusForbidden, "minimum memory usage per Pod is 100Mi, but request is ")
		fits := of("fits", "500m", "50Mi")
		f.Create(ctx, fits)
		resources(fits.Spec.Containers[0], list("cpu", "500m", "memory", "50Mi"), list("cpu", "500m"))
	})

	f.It("admission/limit-range-claims", func(ctx SpecContext) {
		f.Create(ctx, limitRange("claims", corev1.LimitRangeItem{Type: corev1.LimitTypePersistentVolumeClaim, Min: list("storage", "1Gi"), Max: list("storage", "2Gi")}))
		waitRefused(ctx, f, claim("large", "", "3Gi"))
		MustRefuse(f.TryCreate(ctx, claim("large", "", "3Gi")), http.StatusForbidden, "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi")
		MustRefuse(f.TryCreate(ctx, claim("small", "", "500Mi")), http.StatusForbidden, "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi")
		f.Create(ctx, claim("fits", "", "2Gi"))
	})

	f.It("admission/limit-range-changed", func(ctx SpecContext) {
		before := resting("before", nil, nil)
		f.Create(ctx, before)
		r := limitRange("changes", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: list("cpu", "100m")})
		f.Create(ctx, r)
		waitDefault(ctx, "100m")
		first := resting("first", nil, nil)
		f.Create(ctx, first)
		f.Edit(ctx, r, func() {
			r.Spec.Limits[0].Default, r.Spec.Limits[0].DefaultRequest = list("cpu", "200m"), list("cpu", "200m")
		})
		waitDefault(ctx, "200m")
		f.Delete(ctx, r)
		waitDefault(ctx, "0")
		last := resting("last", nil, nil)
		f.Create(ctx, last)
		resources(last.Spec.Containers[0], nil, nil)
		f.Get(ctx, before)
		resources(before.Spec.Containers[0], nil, nil)
		f.Get(ctx, first)
		resources(first.Spec.Containers[0], list("cpu", "100m"), list("cpu", "100m"))
	})

	f.It("admission/limit-range-malformed", func(ctx SpecContext) {
		const at = "spec.limits[0]."
		of := func(kind corev1.LimitType, change func(*corev1.LimitRangeItem)) error {
			item := corev1.LimitRangeItem{Type: kind}
			change(&item)
			return f.TryCreate(ctx, limitRange("malformed", item))
		}
		MustBeInvalid(of(corev1.LimitTypeContainer, func(i *corev1.LimitRangeItem) { i.Min, i.Max = list("cpu", "2"), list("cpu", "1") }),
			at+"min[cpu]", "min value 2 is greater than max value 1")
		MustBeInvalid(of(corev1.LimitTypeContainer, func(i *corev1.LimitRangeItem) { i.Default, i.Max = list("cpu", "2"), list("cpu", "1") }),
			at+"default[cpu]", "default value 2 is greater than max value 1")
		MustBeInvalid(of(corev1.LimitTypeContainer, func(i *corev1.LimitRangeItem) { i.DefaultRequest, i.Default = list("cpu", "2"), list("cpu", "1") }),
			at+"defaultRequest[cpu]", "default request value 2 is greater than default limit value 1")
		MustBeInvalid(of(corev1.LimitTypePod, func(i *corev1.LimitRangeItem) { i.Default = list("cpu", "1") }), at+"default")
		MustBeInvalid(of(corev1.LimitTypeContainer, func(i *corev1.LimitRangeItem) { i.MaxLimitRequestRatio = list("cpu", "500m") }),
			at+"maxLimitRequestRatio[cpu]", "ratio 500m is less than 1")
		item := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: list("cpu", "1")}
		MustBeInvalid(f.TryCreate(ctx, limitRange("malformed", item, item)), "spec.limits[1].type")
	})

	f.It("admission/limit-range-list", func(ctx SpecContext) {
		other := f.NewNamespace(ctx, "admission").Name
		labels := map[string]string{"spec": f.Namespace}
		item := corev1.LimitRangeItem{Type: corev1.LimitTypePod, Max: list("cpu", "1k")}
		for _, namespace := range []string{f.Namespace, other} {
			for _, name := range []string{"one", "two"} {
				r := limitRange(name, item)
				r.Namespace, r.Labels = namespace, labels
				f.Create(ctx, r)
			}
		}
		selector := metav1.ListOptions{LabelSelector: "spec=" + f.Namespace}
		count := func(namespace string) int {
			GinkgoHelper()
			found, err := f.API.CoreV1().LimitRanges(namespace).List(ctx, selector)
			Expect(err).NotTo(HaveOccurred())
			return len(found.Items)
		}
		Expect(count("")).To(Equal(4))
		Expect(count(other)).To(Equal(2))
		Expect(f.API.CoreV1().LimitRanges(other).DeleteCollection(ctx, metav1.DeleteOptions{}, selector)).To(Succeed())
		Expect(count("")).To(Equal(2))
		Expect(count(other)).To(BeZero())
	})
})
