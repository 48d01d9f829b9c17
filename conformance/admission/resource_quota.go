package admission

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("ResourceQuotas", func() {
	f := New()

	f.It("admission/quota-status", func(ctx SpecContext) {
		f.Create(ctx, resting("before", nil, nil))
		f.Create(ctx, quota("q", list("pods", "5", "services", "3")))
		waitUsed(ctx, f, "q", list("pods", "1", "services", "0"))
		f.Create(ctx, resting("after", nil, nil))
		waitUsed(ctx, f, "q", list("pods", "2", "services", "0"))
	})

	f.It("admission/quota-exceeded", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("pods", "1")))
		waitUsed(ctx, f, "q", list("pods", "0"))
		f.Create(ctx, resting("first", nil, nil))
		waitUsed(ctx, f, "q", list("pods", "1"))
		waitRefused(ctx, f, resting("second", nil, nil))
		MustRefuse(f.TryCreate(ctx, resting("second", nil, nil)), http.StatusForbidden,
			`pods "second" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`)
		MustBeMissing(f.TryGet(ctx, resting("second", nil, nil)))
	})

	f.It("admission/quota-freed", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("pods", "1", "configmaps", "9", "requests.cpu", "1")))
		f.Create(ctx, resting("first", list("cpu", "1"), nil))
		waitUsed(ctx, f, "q", list("pods", "1", "configmaps", "1", "requests.cpu", "1"))
		waitRefused(ctx, f, resting("second", list("cpu", "1"), nil))
		f.Delete(ctx, resting("first", nil, nil))
		waitUsed(ctx, f, "q", list("pods", "0", "configmaps", "1", "requests.cpu", "0"))
		f.WaitUntil(ctx, "there is room for a second pod", EventTimeout, func(ctx context.Context) (bool, string) {
			err := f.TryCreate(ctx, resting("second", list("cpu", "1"), nil))
			return err == nil, fmt.Sprint(err)
		})
	})

	f.It("admission/quota-changed", func(ctx SpecContext) {
		q := quota("q", list("pods", "2"))
		f.Create(ctx, q)
		waitUsed(ctx, f, "q", list("pods", "0"))
		f.Create(ctx, resting("a", nil, nil), resting("b", nil, nil))
		f.Edit(ctx, q, func() { q.Spec.Hard = list("pods", "1", "count/pods", "9") })
		waitUsed(ctx, f, "q", list("pods", "2", "count/pods", "2"))
		f.Get(ctx, resting("a", nil, nil))
		f.Get(ctx, resting("b", nil, nil))
		waitRefused(ctx, f, resting("c", nil, nil))
		f.Edit(ctx, q, func() { q.Spec.Hard = list("pods", "3") })
		waitUsed(ctx, f, "q", list("pods", "2"))
		f.WaitUntil(ctx, "there is room for a third pod", EventTimeout, func(ctx context.Context) (bool, string) {
			err := f.TryCreate(ctx, resting("c", nil, nil))
			return err == nil, fmt.Sprint(err)
		})
	})

	f.It("admission/quota-deleted", func(ctx SpecContext) {
		q := quota("q", list("pods", "0"))
		f.Create(ctx, q)
		waitUsed(ctx, f, "q", list("pods", "0"))
		waitRefused(ctx, f, resting("p", nil, nil))
		f.Delete(ctx, q)
		f.WaitUntil(ctx, "a pod can be created", EventTimeout, func(ctx context.Context) (bool, string) {
			err := f.TryCreate(ctx, resting("p", nil, nil))
			return err == nil, fmt.Sprint(err)
		})
	})

	f.It("admission/quota-several", func(ctx SpecContext) {
		f.Create(ctx, quota("wide", list("pods", "5")), quota("narrow", list("pods", "1")))
		waitUsed(ctx, f, "wide", list("pods", "0"))
		waitUsed(ctx, f, "narrow", list("pods", "0"))
		f.Create(ctx, resting("first", nil, nil))
		waitUsed(ctx, f, "wide", list("pods", "1"))
		waitUsed(ctx, f, "narrow", list("pods", "1"))
		waitRefused(ctx, f, resting("second", nil, nil))
		MustRefuse(f.TryCreate(ctx, resting("second", nil, nil)), http.StatusForbidden, "exceeded quota: narrow")
		f.Stays(ctx, "the refused pod is counted nowhere", Quiet, func(ctx context.Context) (bool, string) {
			q, err := f.API.CoreV1().ResourceQuotas(f.Namespace).Get(ctx, "wide", metav1.GetOptions{})
			return err == nil && same(q.Status.Used, list("pods", "1")), fmt.Sprintf("%v, %v", q, err)
		})
	})

	f.It("admission/quota-dry-run", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("pods", "1", "requests.cpu", "1")))
		waitUsed(ctx, f, "q", list("pods", "0", "requests.cpu", "0"))
		waitRefused(ctx, f, resting("large", list("cpu", "2"), nil))
		for range 3 {
			Expect(f.DryCreate(ctx, resting("small", list("cpu", "1"), nil))).To(Succeed())
		}
		f.Stays(ctx, "nothing is used", Quiet, func(ctx context.Context) (bool, string) {
			q, err := f.API.CoreV1().ResourceQuotas(f.Namespace).Get(ctx, "q", metav1.GetOptions{})
			return err == nil && same(q.Status.Used, list("pods", "0", "requests.cpu", "0")), fmt.Sprintf("%v, %v", q, err)
		})
	})

	f.It("admission/quota-concurrent", func(ctx SpecContext) {
		const hard, tries = 4, 16
		f.Create(ctx, quota("q", list("pods", fmt.Sprint(hard), "requests.cpu", "9")))
		waitUsed(ctx, f, "q", list("pods", "0", "requests.cpu", "0"))
		waitRefused(ctx, f, resting("large", list("cpu", "10"), nil))
		var made atomic.Int32
		var running sync.WaitGroup
		unexpected := make(chan error, tries)
		for i := range tries {
			pod := resting(fmt.Sprintf("p-%d", i), list("cpu", "1m"), nil)
			running.Go(func() {
				_, err := f.API.CoreV1().Pods(f.Namespace).Create(ctx, pod, metav1.CreateOptions{})
				switch {
				case err == nil:
					made.Add(1)
				// Who loses too often against the others is told to try again.
				case !apierrors.IsForbidden(err) && !apierrors.IsConflict(err):
					unexpected <- err
				}
			})
		}
		running.Wait()
		close(unexpected)
		for err := range unexpected {
			Fail("creating a pod: " + err.Error())
		}
		Expect(made.Load()).To(BeNumerically("<=", hard))
		pods, err := f.API.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pods.Items).To(HaveLen(int(made.Load())))
	})

	f.It("admission/quota-malformed", func(ctx SpecContext) {
		MustBeInvalid(f.TryCreate(ctx, quota("q", list("pods", "1"), corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort)), "spec.scopes", "conflicting scopes")
		MustBeInvalid(f.TryCreate(ctx, quota("q", list("pods", "1"), corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating)), "spec.scopes", "conflicting scopes")
		MustBeInvalid(f.TryCreate(ctx, quota("q", list("requests.cpu", "1"), corev1.ResourceQuotaScopeBestEffort)), "spec.scopes", "unsupported scope applied to resource")
		MustBeInvalid(f.TryCreate(ctx, quota("q", list("pods", "-1"))), "spec.hard[pods]", "must be greater than or equal to 0")
		MustBeInvalid(f.TryCreate(ctx, quota("q", list("cats", "1"))), "spec.hard[cats]")
		q := quota("q", list("pods", "1"), corev1.ResourceQuotaScopeBestEffort)
		f.Create(ctx, q)
		MustBeInvalid(f.TryEdit(ctx, q, func() { q.Spec.Scopes = nil }), "spec.scopes", "field is immutable")
	})

	f.It("admission/quota-status-subresource", func(ctx SpecContext) {
		q := quota("q", list("pods", "2"))
		q.Status.Hard, q.Status.Used = list("pods", "7"), list("pods", "7")
		f.Create(ctx, q)
		Expect(q.Status.Hard).To(BeEmpty())
		waitUsed(ctx, f, "q", list("pods", "0"))
		f.Edit(ctx, q, func() { q.Status.Used = list("pods", "7") })
		Expect(same(q.Status.Used, list("pods", "0"))).To(BeTrue(), show(q.Status.Used))
		f.Patch(ctx, q, `{"spec":{"hard":{"pods":"9"}},"status":{"used":{"pods":"1"}}}`, "status")
		Expect(same(q.Status.Used, list("pods", "1"))).To(BeTrue(), show(q.Status.Used))
		Expect(same(q.Spec.Hard, list("pods", "2"))).To(BeTrue(), show(q.Spec.Hard))
	})

	f.It("admission/quota-and-controllers", func(ctx SpecContext) {
		q := quota("q", list("pods", "1"))
		f.Create(ctx, q)
		waitUsed(ctx, f, "q", list("pods", "0"))
		waitRefusedAfterOne(ctx, f)
		d := Deployment("web", 2, resting("", nil, nil))
		f.Create(ctx, d)
		f.WaitDeployment(ctx, "web", "has condition ReplicaFailure", func(d *appsv1.Deployment) bool {
			c := DeploymentCondition(d, appsv1.DeploymentReplicaFailure)
			return c.Status == corev1.ConditionTrue && c.Reason == "FailedCreate"
		})
		sets, err := f.API.AppsV1().ReplicaSets(f.Namespace).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(sets.Items).To(HaveLen(1))
		Expect(f.WaitEvent(ctx, &sets.Items[0], "FailedCreate").Message).To(ContainSubstring("exceeded quota: q"))
		f.Edit(ctx, q, func() { q.Spec.Hard = list("pods", "2") })
		f.WaitDeployment(ctx, "web", "has both pods and no condition ReplicaFailure", func(d *appsv1.Deployment) bool {
			return d.Status.Replicas == 2 && DeploymentCondition(d, appsv1.DeploymentReplicaFailure).Status != corev1.ConditionTrue
		})
	})
})

// waitRefusedAfterOne waits until the quota q, of one pod, is in force.
func waitRefusedAfterOne(ctx context.Context, f *Framework) {
	GinkgoHelper()
	probe := resting("probe", nil, nil)
	f.Create(ctx, probe)
	waitRefused(ctx, f, resting("another", nil, nil))
	f.Delete(ctx, probe)
	waitUsed(ctx, f, "q", list("pods", "0"))
}
