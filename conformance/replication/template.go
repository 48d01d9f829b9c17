package replication

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("selector and template", func() {
	f := New()

	f.It("replication/template-for-new-pods", func(ctx SpecContext) {
		changed := func(p *corev1.Pod) bool { return p.Labels["version"] == "2" }
		for _, controller := range both("web", 2) {
			pods := f.WatchPods(ctx, "app="+controller.GetName())
			f.Create(ctx, controller)
			first := pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
			f.Patch(ctx, controller, `{"spec":{"template":{"metadata":{"labels":{"version":"2"}}}}}`)
			pods.MustNever(ctx, "an existing pod changes or goes", func(now []*corev1.Pod) bool {
				return len(now) != 2 || len(Where(now, changed)) > 0
			}, Quiet)
			f.Delete(ctx, first[0])
			pods.MustReach(ctx, "the pod made since is of the new template, the other of the old", func(now []*corev1.Pod) bool {
				return len(now) == 2 && len(Where(now, changed)) == 1 && len(Where(now, Is(first[1]))) == 1
			})
		}
	})

	f.It("replication/selector-immutable", func(ctx SpecContext) {
		rs := ReplicaSet("web", 0, Idle())
		f.Create(ctx, rs)
		err := f.TryEdit(ctx, rs, func() {
			rs.Spec.Selector.MatchLabels["more"] = "yes"
			rs.Spec.Template.Labels["more"] = "yes"
		})
		MustBeInvalid(err, "spec.selector", "field is immutable")
	})

	f.It("replication/selector-kinds", func(ctx SpecContext) {
		rc := Controller("web", 0, Idle())
		rc.Spec.Selector = nil
		f.Create(ctx, rc)
		Expect(rc.Spec.Selector).To(Equal(map[string]string{"app": "web"}))

		rs := ReplicaSet("web", 0, Idle())
		rs.Spec.Selector = nil
		MustBeInvalid(f.TryCreate(ctx, rs), "spec.selector")
		rs.Spec.Selector = &metav1.LabelSelector{}
		MustBeInvalid(f.TryCreate(ctx, rs), "spec.selector")
		rs.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"web", "api"}}}}
		f.Create(ctx, rs)
	})

	f.It("replication/template-restart-policy", func(ctx SpecContext) {
		for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure} {
			pod := Idle()
			pod.Spec.RestartPolicy = policy
			MustBeInvalid(f.TryCreate(ctx, ReplicaSet("web", 0, pod)), "spec.template.spec.restartPolicy", `supported values: "Always"`)
			MustBeInvalid(f.TryCreate(ctx, Controller("web", 0, pod)), "spec.template.spec.restartPolicy", `supported values: "Always"`)
		}
	})
})
