package deployments

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("pausing and counting", func() {
	f := New()

	f.It("deployments/created-paused", func(ctx SpecContext) {
		sets, watched := f.WatchReplicaSets(ctx, "app=web"), f.WatchDeployment(ctx, "web")
		d := Deployment("web", 1, Idle())
		d.Spec.Paused, d.Spec.ProgressDeadlineSeconds = true, ptr.To[int32](3)
		f.Create(ctx, d)
		watched.MustReach(ctx, "it is known to be paused", Exactly(1, condition(appsv1.DeploymentProgressing, corev1.ConditionUnknown, "DeploymentPaused")))
		watched.MustNever(ctx, "its deadline passes while it is paused", Exactly(1, func(d *appsv1.Deployment) bool {
			return DeploymentCondition(d, appsv1.DeploymentProgressing).Reason == "ProgressDeadlineExceeded"
		}), Quiet+3*time.Second)
		Expect(sets.Seen()).To(HaveLen(1), "no ReplicaSet was made while it was paused")
		f.Edit(ctx, d, func() { d.Spec.Paused = false })
		sets.MustReach(ctx, "resumed it has its ReplicaSet", sized("1", 1))
		watched.MustReach(ctx, "the deadline passes", Exactly(1, condition(appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded")))
	})

	f.It("deployments/terminating-replicas", func(ctx SpecContext) {
		node, pod := f.StandInNode(ctx, nil), Pod("web", "sleep", "1h")
		node.Take(&pod.Spec)
		pods, watched, sets := f.WatchPods(ctx, "app=web"), f.WatchDeployment(ctx, "web"), f.WatchReplicaSets(ctx, "app=web")
		f.Create(ctx, Deployment("web", 2, pod))
		leaver := pods.MustReach(ctx, "both pods are ready", Exactly(2, Ready))[0]
		f.WaitRolled(ctx, "web")
		node.Silence() // its pods do not end
		f.Delete(ctx, leaver)
		pods.MustReach(ctx, "the pod has a successor before it has ended", func(now []*corev1.Pod) bool {
			return len(now) == 3 && len(Where(now, Active)) == 2 && len(Where(now, Is(leaver))) == 1
		})
		sets.MustReach(ctx, "the ReplicaSet counts it as terminating and not among its pods", Exactly(1, func(rs *appsv1.ReplicaSet) bool {
			return ptr.Deref(rs.Status.TerminatingReplicas, -1) == 1 && rs.Status.Replicas == 2
		}))
		watched.MustReach(ctx, "so does the Deployment", Exactly(1, func(d *appsv1.Deployment) bool {
			return ptr.Deref(d.Status.TerminatingReplicas, -1) == 1 && d.Status.Replicas == 2
		}))
		f.Delete(ctx, leaver, force)
		watched.MustReach(ctx, "none is terminating", Exactly(1, func(d *appsv1.Deployment) bool { return ptr.Deref(d.Status.TerminatingReplicas, -1) == 0 }))
	})
})
