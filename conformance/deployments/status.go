package deployments

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// condition is the condition of a Deployment having one with that status and reason.
func condition(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason string) func(*appsv1.Deployment) bool {
	return func(d *appsv1.Deployment) bool {
		c := DeploymentCondition(d, kind)
		return c.Status == status && c.Reason == reason
	}
}

var _ = Describe("what a Deployment is and tells", func() {
	f := New()

	f.It("deployments/defaults", func(ctx SpecContext) {
		d := Deployment("web", 1, Idle())
		d.Spec.Replicas = nil
		f.Create(ctx, d)
		quarter := ptr.To(intstr.FromString("25%"))
		Expect(d.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(d.Spec.Strategy).To(Equal(appsv1.DeploymentStrategy{
			Type:          appsv1.RollingUpdateDeploymentStrategyType,
			RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: quarter, MaxUnavailable: quarter},
		}))
		Expect(d.Spec.RevisionHistoryLimit).To(HaveValue(BeEquivalentTo(10)))
		Expect(d.Spec.ProgressDeadlineSeconds).To(HaveValue(BeEquivalentTo(600)))
		Expect(d.Spec.MinReadySeconds).To(BeZero())
		Expect(d.Spec.Paused).To(BeFalse())
	})

	f.It("deployments/invalid-bounds", func(ctx SpecContext) {
		d := Deployment("web", 1, Idle())
		d.Spec.Strategy = bounds(0, 0)
		MustBeInvalid(f.TryCreate(ctx, d), "spec.strategy.rollingUpdate.maxUnavailable", "may not be 0 when `maxSurge` is 0")
		d.Spec.Strategy = bounds(-1, 1)
		MustBeInvalid(f.TryCreate(ctx, d), "spec.strategy.rollingUpdate.maxSurge")
		d.Spec.Strategy = bounds(1, 0)
		d.Spec.Strategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromString("101%"))
		MustBeInvalid(f.TryCreate(ctx, d), "spec.strategy.rollingUpdate.maxUnavailable")
		d.Spec.Strategy = bounds(1, 1)
		d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
		MustBeInvalid(f.TryCreate(ctx, d), "spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
	})

	f.It("deployments/selector-immutable", func(ctx SpecContext) {
		d := Deployment("web", 0, Idle())
		f.Create(ctx, d)
		err := f.TryEdit(ctx, d, func() {
			d.Spec.Selector.MatchLabels["more"] = "yes"
			d.Spec.Template.Labels["more"] = "yes"
		})
		MustBeInvalid(err, "spec.selector", "field is immutable")
	})

	f.It("deployments/conditions", func(ctx SpecContext) {
		pod := Pod("web", "sleep", "1h")
		ReadyWhenTold(&pod.Spec)
		pods, watched := f.WatchPods(ctx, "app=web"), f.WatchDeployment(ctx, "web")
		d := Deployment("web", 2, pod)
		d.Spec.Strategy = bounds(1, 0)
		f.Create(ctx, d)
		running := pods.MustReach(ctx, "both pods run", Exactly(2, Running))
		watched.MustReach(ctx, "it is not available", Exactly(1, condition(appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable")))
		f.TellReady(ctx, true, Names(running)...)
		watched.MustReach(ctx, "it is available", Exactly(1, condition(appsv1.DeploymentAvailable, corev1.ConditionTrue, "MinimumReplicasAvailable")))
		watched.MustReach(ctx, "it is complete", Exactly(1, condition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable")))
		f.TellReady(ctx, false, running[0].Name)
		watched.MustReach(ctx, "it is not available again", Exactly(1, condition(appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable")))
		states := watched.Seen()
		Expect(states).To(ContainElement(Satisfy(Exactly(1, func(d *appsv1.Deployment) bool {
			c := DeploymentCondition(d, appsv1.DeploymentProgressing)
			return c.Status == corev1.ConditionTrue && (c.Reason == "NewReplicaSetCreated" || c.Reason == "ReplicaSetUpdated")
		}))), "before it was complete, Progressing told of the new ReplicaSet")
	})

	f.It("deployments/progress-deadline", func(ctx SpecContext) {
		pod := Pod("web", "sleep", "1h")
		ReadyWhenTold(&pod.Spec)
		pods := f.WatchPods(ctx, "app=web")
		d := Deployment("web", 1, pod)
		d.Spec.ProgressDeadlineSeconds = ptr.To[int32](5)
		f.Create(ctx, d)
		running := pods.MustReach(ctx, "the pod runs", Exactly(1, Running))
		f.WaitDeployment(ctx, "web", "has exceeded its progress deadline",
			condition(appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded"))
		pods.MustNever(ctx, "the controller gives up the pods", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 1 }, Quiet)
		f.TellReady(ctx, true, Names(running)...)
		f.WaitDeployment(ctx, "web", "is complete", condition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable"))
	})
})
