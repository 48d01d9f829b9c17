package deployments

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// stuck makes a Deployment on a stand-in node and updates it to pods that are ready when told. It returns when
// one ReplicaSet wants before and the other after pods, and the Deployment counts them all.
func stuck(ctx context.Context, f *Framework, sets *Observer[*appsv1.ReplicaSet], replicas int32, strategy appsv1.DeploymentStrategy, before, after int32) *appsv1.Deployment {
	GinkgoHelper()
	node, pod := f.StandInNode(ctx, nil), Pod("web", "sleep", "1h")
	node.Take(&pod.Spec)
	d := Deployment("web", replicas, pod)
	d.Spec.Strategy = strategy
	f.Create(ctx, d)
	f.WaitRolled(ctx, "web")
	f.Edit(ctx, d, func() { ReadyWhenTold(&d.Spec.Template.Spec) })
	sets.MustReach(ctx, "the rollout waits for new pods to be ready", halfway(before, after))
	f.WaitDeployment(ctx, "web", "counts all its pods", func(now *appsv1.Deployment) bool {
		return now.Status.Replicas == before+after && now.Status.UpdatedReplicas == after && now.Status.AvailableReplicas == before && now.Status.ObservedGeneration >= d.Generation
	})
	return d
}

// halfway says how many pods the ReplicaSets of revisions 1 and 2 want.
func halfway(before, after int32) func([]*appsv1.ReplicaSet) bool {
	return func(sets []*appsv1.ReplicaSet) bool { return sized("1", before)(sets) && sized("2", after)(sets) }
}

var _ = Describe("scaling and pausing in the middle of a rollout", func() {
	f := New()
	leaves := func(before, after int32) func([]*appsv1.ReplicaSet) bool {
		return func(sets []*appsv1.ReplicaSet) bool { return !halfway(before, after)(sets) }
	}

	f.It("deployments/proportional-growth", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := stuck(ctx, f, sets, 10, bounds(3, 2), 8, 5)
		f.Scale(ctx, d, 15)
		sets.MustReach(ctx, "of 5 more pods 3 are old and 2 new", halfway(11, 7))
		sets.MustNever(ctx, "the sizes change again", leaves(11, 7), Quiet)
	})

	f.It("deployments/proportional-shrinking", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := stuck(ctx, f, sets, 10, bounds(3, 2), 8, 5)
		f.Scale(ctx, d, 5)
		sets.MustReach(ctx, "of 5 pods fewer 3 are old and 2 new", halfway(5, 3))
		sets.MustReach(ctx, "the rollout goes on within its bounds", halfway(3, 5))
		sets.MustNever(ctx, "the sizes change again", leaves(3, 5), Quiet)
	})

	f.It("deployments/pause-halts-rollout", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		d := stuck(ctx, f, sets, 4, bounds(1, 1), 3, 2)
		f.Edit(ctx, d, func() { d.Spec.Paused = true })
		f.WaitDeployment(ctx, "web", "is known to be paused", condition(appsv1.DeploymentProgressing, corev1.ConditionUnknown, "DeploymentPaused"))
		f.TellReady(ctx, true, Names(Where(pods.Now(), func(p *corev1.Pod) bool { return len(p.Spec.ReadinessGates) > 0 }))...)
		f.WaitDeployment(ctx, "web", "has 5 available pods", func(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == 5 })
		sets.MustNever(ctx, "the paused rollout goes on", leaves(3, 2), Quiet)
		f.Edit(ctx, d, func() { d.Spec.Paused = false })
		sets.MustReach(ctx, "resumed it goes on", halfway(1, 4))
	})
})
