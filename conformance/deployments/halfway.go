package deployments

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

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

// leaves is the contrary of halfway.
func leaves(before, after int32) func([]*appsv1.ReplicaSet) bool {
	return func(sets []*appsv1.ReplicaSet) bool { return !halfway(before, after)(sets) }
}

// gated says that the pod is of the new template of a Deployment that is stuck.
func gated(pod *corev1.Pod) bool { return len(pod.Spec.ReadinessGates) > 0 }

// finish makes the new pods of a Deployment that is stuck ready as they come, until it is rolled out.
func finish(ctx context.Context, f *Framework, pods *Observer[*corev1.Pod]) {
	GinkgoHelper()
	f.WaitUntil(ctx, "the rollout is complete", SettleTimeout, func(ctx context.Context) (bool, string) {
		f.TellReady(ctx, true, Names(Where(pods.Now(), gated, Running, Active, func(p *corev1.Pod) bool { return !Ready(p) }))...)
		d := &appsv1.Deployment{}
		d.Name = "web"
		f.Get(ctx, d)
		return Rolled(d), fmt.Sprintf("%+v", d.Status)
	})
}

// stuckOf10 starts a Deployment of 10 pods whose rollout waits at 8 old ones, which are ready, and 5 new ones, which are not.
func stuckOf10(ctx context.Context, f *Framework) (*appsv1.Deployment, *Observer[*appsv1.ReplicaSet], *Observer[*corev1.Pod]) {
	GinkgoHelper()
	sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
	d := stuck(ctx, f, sets, 10, bounds(3, 2), 8, 5)
	pods.Mark()
	pods.MustReach(ctx, "8 pods are ready", Exactly(8, Ready))
	return d, sets, pods
}

var _ = Describe("scaling and pausing in the middle of a rollout", func() {
	f := New()

	f.It("deployments/proportional-growth", func(ctx SpecContext) {
		d, sets, pods := stuckOf10(ctx, f)
		judge(ctx, sets, pods, 18, 8)
		f.Scale(ctx, d, 15)
		sets.MustReach(ctx, "of 5 more pods 3 are old and 2 new", halfway(11, 7))
		sets.MustNever(ctx, "the sizes change again", leaves(11, 7), Quiet)
		pods.MustReach(ctx, "the old pods are ready", Exactly(11, Ready))
		judge(ctx, sets, pods, 18, 11)
		finish(ctx, f, pods)
	})

	f.It("deployments/proportional-shrinking", func(ctx SpecContext) {
		d, sets, pods := stuckOf10(ctx, f)
		judge(ctx, sets, pods, 13, 3)
		f.Scale(ctx, d, 5)
		sets.MustReach(ctx, "of 5 pods fewer 3 are old and 2 new", halfway(5, 3))
		sets.Throughout(ctx, "at most 8 pods", atMost(8))
		sets.MustReach(ctx, "the rollout goes on within its bounds", halfway(3, 5))
		sets.MustNever(ctx, "the sizes change again", leaves(3, 5), Quiet)
		pods.MustReach(ctx, "what is too much has gone", Exactly(8, Active))
		finish(ctx, f, pods)
	})

	f.It("deployments/proportional-leftover", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := stuck(ctx, f, sets, 15, bounds(3, 2), 13, 5)
		f.Scale(ctx, d, 6) // of 18 pods 9: 6.5 and 2.5, which round to 7 and 3
		sets.MustReach(ctx, "the bigger ReplicaSet gives up one pod more", halfway(6, 3))
	})

	f.It("deployments/failing-pod-counts", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		stuck(ctx, f, sets, 4, bounds(1, 1), 3, 2)
		pods.Mark()
		sick := Where(pods.MustReach(ctx, "3 pods are ready", Exactly(3, Ready)), Ready)
		patch := `{"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"ContainersReady","status":"False"}]}}`
		Expect(f.TryPatch(ctx, sick[0].DeepCopy(), types.StrategicMergePatchType, patch, "status")).To(Succeed())
		pods.MustReach(ctx, "one of them is not any more", Exactly(2, Ready))
		pods.Throughout(ctx, "at least 2 available pods", atLeast(2))
		f.WaitDeployment(ctx, "web", "is short of available pods", condition(appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable"))
		sets.MustNever(ctx, "the rollout goes on though too few pods are available", leaves(3, 2), Quiet)
		f.TellReady(ctx, true, Names(Where(pods.Now(), gated))...)
		pods.MustReach(ctx, "4 pods are ready", Exactly(4, Ready))
		judge(ctx, sets, pods, 5, 3)
		sets.MustReach(ctx, "the rollout goes on", halfway(1, 4))
		pods.MustReach(ctx, "the pod that failed is gone and an older one that did not is left", func(now []*corev1.Pod) bool {
			return len(now) == 5 && len(Where(now, Is(sick[0]))) == 0
		})
		finish(ctx, f, pods)
	})

	f.It("deployments/pause-halts-rollout", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		d := stuck(ctx, f, sets, 4, bounds(1, 1), 3, 2)
		f.Edit(ctx, d, func() { d.Spec.Paused = true })
		f.WaitDeployment(ctx, "web", "is known to be paused", condition(appsv1.DeploymentProgressing, corev1.ConditionUnknown, "DeploymentPaused"))
		f.TellReady(ctx, true, Names(Where(pods.Now(), gated))...)
		f.WaitDeployment(ctx, "web", "has 5 available pods", func(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == 5 })
		sets.MustNever(ctx, "the paused rollout goes on", leaves(3, 2), Quiet)
		f.Edit(ctx, d, func() { d.Spec.Paused = false })
		sets.MustReach(ctx, "resumed it goes on", halfway(1, 4))
	})
})
