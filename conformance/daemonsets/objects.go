package daemonsets

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("what a DaemonSet is", func() {
	f := New()

	f.It("daemonsets/defaults", func(ctx SpecContext) {
		set := agents(f)
		f.Create(ctx, set)
		Expect(set.Spec.UpdateStrategy).To(Equal(rolling(intstr.FromInt32(1), intstr.FromInt32(0))))
		Expect(set.Spec.RevisionHistoryLimit).To(HaveValue(BeEquivalentTo(10)))
		Expect(set.Spec.MinReadySeconds).To(BeZero())
		Expect(set.Spec.Template.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyAlways))
	})

	f.It("daemonsets/selector-immutable", func(ctx SpecContext) {
		set := agents(f)
		f.Create(ctx, set)
		MustBeInvalid(f.TryEdit(ctx, set, func() {
			set.Spec.Selector.MatchLabels["more"] = "yes"
			set.Spec.Template.Labels["more"] = "yes"
		}), "spec.selector", "field is immutable")
	})

	f.It("daemonsets/refusals", func(ctx SpecContext) {
		refused := func(field string, change func(*appsv1.DaemonSet)) {
			GinkgoHelper()
			set := agents(f)
			change(set)
			MustBeInvalid(f.TryCreate(ctx, set), field)
		}
		for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure} {
			refused("spec.template.spec.restartPolicy", func(set *appsv1.DaemonSet) { set.Spec.Template.Spec.RestartPolicy = policy })
		}
		refused("spec.template.spec.activeDeadlineSeconds", func(set *appsv1.DaemonSet) { set.Spec.Template.Spec.ActiveDeadlineSeconds = ptr.To[int64](10) })
		refused("spec.template.metadata.labels", func(set *appsv1.DaemonSet) { set.Spec.Selector = nil }) // none matches no labels
		refused("spec.selector", func(set *appsv1.DaemonSet) { set.Spec.Selector = &metav1.LabelSelector{} })
		refused("spec.template.metadata.labels", func(set *appsv1.DaemonSet) { set.Spec.Template.Labels = map[string]string{"app": "other"} })
		refused("spec.minReadySeconds", func(set *appsv1.DaemonSet) { set.Spec.MinReadySeconds = -1 })
		refused("spec.revisionHistoryLimit", func(set *appsv1.DaemonSet) { set.Spec.RevisionHistoryLimit = ptr.To[int32](-1) })
		refused("spec.updateStrategy", func(set *appsv1.DaemonSet) { set.Spec.UpdateStrategy.Type = "Recreate" })
	})

	f.It("daemonsets/invalid-bounds", func(ctx SpecContext) {
		for _, bounds := range []struct {
			unavailable, surge intstr.IntOrString
			field              string
		}{
			{intstr.FromInt32(0), intstr.FromInt32(0), "spec.updateStrategy.rollingUpdate.maxUnavailable"},
			{intstr.FromInt32(1), intstr.FromInt32(1), "spec.updateStrategy.rollingUpdate.maxSurge"},
			{intstr.FromInt32(-1), intstr.FromInt32(0), "spec.updateStrategy.rollingUpdate.maxUnavailable"},
			{intstr.FromString("101%"), intstr.FromInt32(0), "spec.updateStrategy.rollingUpdate.maxUnavailable"},
			{intstr.FromInt32(0), intstr.FromString("101%"), "spec.updateStrategy.rollingUpdate.maxSurge"},
			{intstr.FromInt32(0), intstr.FromString("many"), "spec.updateStrategy.rollingUpdate.maxSurge"},
		} {
			set := agents(f)
			set.Spec.UpdateStrategy = rolling(bounds.unavailable, bounds.surge)
			MustBeInvalid(f.TryCreate(ctx, set), bounds.field)
		}
	})
})
