package admission

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("What pods use of quotas", func() {
	f := New()

	f.It("admission/quota-compute", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("requests.cpu", "1", "requests.memory", "1Gi", "limits.cpu", "2", "limits.memory", "2Gi", "requests.ephemeral-storage", "1Gi")))
		waitUsed(ctx, f, "q", list("requests.cpu", "0", "requests.memory", "0", "limits.cpu", "0", "limits.memory", "0", "requests.ephemeral-storage", "0"))
		two := resting("two", list("cpu", "200m", "memory", "100Mi", "ephemeral-storage", "10Mi"), list("cpu", "500m", "memory", "200Mi"))
		second := *two.Spec.Containers[0].DeepCopy()
		second.Name = "second"
		// It needs more than the others together, but runs before them.
		initial := *two.Spec.Containers[0].DeepCopy()
		initial.Name, initial.Resources = "initial", corev1.ResourceRequirements{Requests: list("cpu", "100m", "memory", "500Mi"), Limits: list("cpu", "500m", "memory", "500Mi")}
		two.Spec.Containers, two.Spec.InitContainers = append(two.Spec.Containers, second), []corev1.Container{initial}
		f.Create(ctx, two)
		waitUsed(ctx, f, "q", list("requests.cpu", "400m", "requests.memory", "500Mi", "limits.cpu", "1", "limits.memory", "500Mi", "requests.ephemeral-storage", "20Mi"))
		large := func() *corev1.Pod {
			return resting("large", list("cpu", "700m", "memory", "1Mi"), list("cpu", "800m", "memory", "1Mi"))
		}
		waitRefused(ctx, f, large())
		MustRefuse(f.TryCreate(ctx, large()), http.StatusForbidden, "exceeded quota: q, requested: requests.cpu=700m, used: requests.cpu=400m, limited: requests.cpu=1")
		f.Delete(ctx, two)
		waitUsed(ctx, f, "q", list("requests.cpu", "0", "requests.memory", "0", "limits.cpu", "0", "limits.memory", "0", "requests.ephemeral-storage", "0"))
	})

	f.It("admission/quota-extended-resource", func(ctx SpecContext) {
		const gpu = "etalon.dev/gpu"
		f.Create(ctx, quota("q", list("requests."+gpu, "3")))
		waitUsed(ctx, f, "q", list("requests."+gpu, "0"))
		f.Create(ctx, resting("first", list(gpu, "2"), list(gpu, "2")))
		waitUsed(ctx, f, "q", list("requests."+gpu, "2"))
		waitRefused(ctx, f, resting("second", list(gpu, "2"), list(gpu, "2")))
		MustRefuse(f.TryCreate(ctx, resting("second", list(gpu, "2"), list(gpu, "2"))), http.StatusForbidden,
			"exceeded quota: q, requested: requests."+gpu+"=2, used: requests."+gpu+"=2, limited: requests."+gpu+"=3")
		f.Create(ctx, resting("without", nil, nil))
	})

	f.It("admission/quota-must-specify", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("limits.cpu", "2", "requests.memory", "1Gi")))
		waitUsed(ctx, f, "q", list("limits.cpu", "0", "requests.memory", "0"))
		waitRefused(ctx, f, resting("silent", nil, nil))
		MustRefuse(f.TryCreate(ctx, resting("silent", nil, nil)), http.StatusForbidden, "failed quota: q: must specify limits.cpu for: main; requests.memory for: main")
		MustRefuse(f.TryCreate(ctx, resting("half", nil, list("cpu", "1"))), http.StatusForbidden, "failed quota: q: must specify requests.memory for: main")
		f.Create(ctx, resting("whole", list("memory", "1Mi"), list("cpu", "1")))
	})

	f.It("admission/quota-ended-pods", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("pods", "2", "count/pods", "2", "requests.cpu", "2")))
		for _, name := range []string{"done", "failed"} {
			f.Create(ctx, resting(name, list("cpu", "1"), nil))
		}
		waitUsed(ctx, f, "q", list("pods", "2", "count/pods", "2", "requests.cpu", "2"))
		f.Patch(ctx, resting("done", nil, nil), `{"status":{"phase":"Succeeded"}}`, "status")
		waitUsed(ctx, f, "q", list("pods", "1", "count/pods", "2", "requests.cpu", "1"))
		f.Patch(ctx, resting("failed", nil, nil), `{"status":{"phase":"Failed"}}`, "status")
		waitUsed(ctx, f, "q", list("pods", "0", "count/pods", "2", "requests.cpu", "0"))
		f.Delete(ctx, resting("done", nil, nil))
		waitUsed(ctx, f, "q", list("pods", "0", "count/pods", "1", "requests.cpu", "0"))
	})

	// pair proves two scopes that exclude each other: a pod is counted in one quota and refused by none but it.
	pair := func(ctx SpecContext, selected, other corev1.ResourceQuotaScope, inside, outside func(name string) *corev1.Pod) {
		GinkgoHelper()
		f.Create(ctx, quota("selected", list("pods", "1"), selected), quota("other", list("pods", "1"), other))
		waitUsed(ctx, f, "selected", list("pods", "0"))
		waitUsed(ctx, f, "other", list("pods", "0"))
		f.Create(ctx, inside("inside"))
		waitUsed(ctx, f, "selected", list("pods", "1"))
		waitUsed(ctx, f, "other", list("pods", "0"))
		waitRefused(ctx, f, inside("second"))
		MustRefuse(f.TryCreate(ctx, inside("second")), http.StatusForbidden, "exceeded quota: selected")
		f.Create(ctx, outside("outside"))
		waitUsed(ctx, f, "other", list("pods", "1"))
		waitRefused(ctx, f, outside("second"))
		MustRefuse(f.TryCreate(ctx, outside("second")), http.StatusForbidden, "exceeded quota: other")
		f.Delete(ctx, inside("inside"))
		waitUsed(ctx, f, "selected", list("pods", "0"))
		waitUsed(ctx, f, "other", list("pods", "1"))
	}

	f.It("admission/quota-scope-terminating", func(ctx SpecContext) {
		pair(ctx, corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating,
			func(name string) *corev1.Pod {
				pod := resting(name, nil, nil)
				pod.Spec.ActiveDeadlineSeconds = ptr.To[int64](3600)
				return pod
			},
			func(name string) *corev1.Pod { return resting(name, nil, nil) })
	})

	f.It("admission/quota-scope-best-effort", func(ctx SpecContext) {
		pair(ctx, corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort,
			func(name string) *corev1.Pod { return resting(name, nil, nil) },
			func(name string) *corev1.Pod { return resting(name, list("cpu", "1m"), nil) })
	})

	f.It("admission/quota-scope-priority-class", func(ctx SpecContext) {
		high, low := f.Namespace+"-high", f.Namespace+"-low"
		client := f.API.SchedulingV1().PriorityClasses()
		for name, value := range map[string]int32{high: 20, low: 10} {
			_, err := client.Create(ctx, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func(ctx SpecContext) {
				Expect(client.Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
			}, NodeTimeout(CleanUpTimeout))
		}
		selecting := func(name string, op corev1.ScopeSelectorOperator, values ...string) *corev1.ResourceQuota {
			q := quota(name, list("pods", "1"))
			q.Spec.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{
				{ScopeName: corev1.ResourceQuotaScopePriorityClass, Operator: op, Values: values}}}
			return q
		}
		f.Create(ctx, selecting("high", corev1.ScopeSelectorOpIn, high), selecting("not-high", corev1.ScopeSelectorOpNotIn, high), selecting("any", corev1.ScopeSelectorOpExists))
		for _, name := range []string{"high", "not-high", "any"} {
			waitUsed(ctx, f, name, list("pods", "0"))
		}
		of := func(name, class string) *corev1.Pod {
			pod := resting(name, nil, nil)
			pod.Spec.PriorityClassName = class
			return pod
		}
		f.Create(ctx, of("important", high))
		waitUsed(ctx, f, "high", list("pods", "1"))
		waitUsed(ctx, f, "not-high", list("pods", "0"))
		waitUsed(ctx, f, "any", list("pods", "1"))
		waitRefused(ctx, f, of("second", high))
		MustRefuse(f.TryCreate(ctx, of("other", low)), http.StatusForbidden, "exceeded quota: any")
		f.Create(ctx, resting("plain", nil, nil))
		waitUsed(ctx, f, "not-high", list("pods", "1"))
		waitUsed(ctx, f, "any", list("pods", "1"))
	})

	f.It("admission/quota-scope-cross-namespace", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("pods", "0"), corev1.ResourceQuotaScopeCrossNamespacePodAffinity))
		waitUsed(ctx, f, "q", list("pods", "0"))
		near := func(name, elsewhere string) *corev1.Pod {
			pod := resting(name, nil, nil)
			term := corev1.PodAffinityTerm{TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}}
			if elsewhere != "" {
				term.Namespaces = []string{elsewhere}
			}
			pod.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}}
			return pod
		}
		waitRefused(ctx, f, near("far", "default"))
		MustRefuse(f.TryCreate(ctx, near("far", "default")), http.StatusForbidden, "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0")
		f.Create(ctx, near("near", ""), resting("plain", nil, nil))
		Expect(f.TryPatch(ctx, resting("near", nil, nil), types.MergePatchType, `{"metadata":{"labels":{"a":"b"}}}`)).To(Succeed())
	})
})
