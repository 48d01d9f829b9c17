package jobs

import (
	. "github.com/onsi/ginkgo/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("what is refused", func() {
	f := New()

	// refused fails the spec unless a Job is refused for the field, once it has been spoiled.
	refused := func(ctx SpecContext, field string, spoil func(*batchv1.JobSpec)) {
		GinkgoHelper()
		work := job(Idle(), 2, 2)
		spoil(&work.Spec)
		By(field)
		MustBeInvalid(f.DryCreate(ctx, work), field)
	}

	f.It("jobs/refusals", func(ctx SpecContext) {
		refused(ctx, "spec.parallelism", func(s *batchv1.JobSpec) { s.Parallelism = ptr.To[int32](-1) })
		refused(ctx, "spec.completions", func(s *batchv1.JobSpec) { s.Completions = ptr.To[int32](-1) })
		refused(ctx, "spec.backoffLimit", func(s *batchv1.JobSpec) { s.BackoffLimit = ptr.To[int32](-1) })
		refused(ctx, "spec.activeDeadlineSeconds", func(s *batchv1.JobSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](-1) })
		refused(ctx, "spec.ttlSecondsAfterFinished", func(s *batchv1.JobSpec) { s.TTLSecondsAfterFinished = ptr.To[int32](-1) })
		refused(ctx, "spec.completions", func(s *batchv1.JobSpec) {
			s.CompletionMode, s.Completions = ptr.To(batchv1.IndexedCompletion), nil
		})
		refused(ctx, "spec.backoffLimitPerIndex", func(s *batchv1.JobSpec) { s.BackoffLimitPerIndex = ptr.To[int32](1) })
		refused(ctx, "spec.successPolicy", func(s *batchv1.JobSpec) {
			s.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededCount: ptr.To[int32](1)}}}
		})
		refused(ctx, "spec.managedBy", func(s *batchv1.JobSpec) { s.ManagedBy = ptr.To("nobody") })
		theirs := job(Idle(), 1, 1)
		theirs.Spec.ManagedBy = ptr.To("conformance.etalon.dev/somebody")
		f.Create(ctx, theirs)
		MustBeInvalid(f.TryPatch(ctx, theirs, types.MergePatchType, `{"spec":{"managedBy":"conformance.etalon.dev/other"}}`), "spec.managedBy", "field is immutable")
	})

	f.It("jobs/failure-policy-refusals", func(ctx SpecContext) {
		ruled := func(rule batchv1.PodFailurePolicyRule) func(*batchv1.JobSpec) {
			return func(s *batchv1.JobSpec) {
				s.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{rule}}
			}
		}
		exit := func(operator batchv1.PodFailurePolicyOnExitCodesOperator, values ...int32) *batchv1.PodFailurePolicyOnExitCodesRequirement {
			return &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: operator, Values: values}
		}
		const rule = "spec.podFailurePolicy.rules[0]"
		fails, in := batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyOnExitCodesOpIn
		refused(ctx, rule, ruled(batchv1.PodFailurePolicyRule{Action: fails}))
		refused(ctx, rule+".action", ruled(batchv1.PodFailurePolicyRule{Action: "Restart", OnExitCodes: exit(in, 1)}))
		refused(ctx, rule+".action", ruled(batchv1.PodFailurePolicyRule{Action: batchv1.PodFailurePolicyActionFailIndex, OnExitCodes: exit(in, 1)}))
		refused(ctx, rule+".onExitCodes.values[0]", ruled(batchv1.PodFailurePolicyRule{Action: fails, OnExitCodes: exit(in, 0)}))
		refused(ctx, rule+".onExitCodes.values", ruled(batchv1.PodFailurePolicyRule{Action: fails, OnExitCodes: exit(in)}))
		refused(ctx, rule+".onExitCodes.operator", ruled(batchv1.PodFailurePolicyRule{Action: fails, OnExitCodes: exit("Above", 1)}))
		refused(ctx, rule+".onExitCodes.containerName", ruled(batchv1.PodFailurePolicyRule{Action: fails, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
			ContainerName: ptr.To("other"), Operator: in, Values: []int32{1}}}))
		whole := ruled(batchv1.PodFailurePolicyRule{Action: fails, OnExitCodes: exit(in, 1)})
		refused(ctx, "spec.template.spec.restartPolicy", func(s *batchv1.JobSpec) {
			whole(s)
			s.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		})
		refused(ctx, "spec.podReplacementPolicy", func(s *batchv1.JobSpec) {
			whole(s)
			s.PodReplacementPolicy = ptr.To(batchv1.TerminatingOrFailed)
		})
	})
})
