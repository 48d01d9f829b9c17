package deployments

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// force removes an object at once.
var force = metav1.DeleteOptions{GracePeriodSeconds: new(int64)}

var _ = Describe("a Deployment and what was there before", func() {
	f := New()

	f.It("deployments/orphan-and-adopt", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		first, second := Deployment("web", 2, Idle()), Deployment("web", 2, Idle())
		f.Create(ctx, first)
		rs := sets.MustReach(ctx, "the ReplicaSet wants 2", sized("1", 2))[0]
		before := pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
		f.Delete(ctx, first, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan)})
		f.WaitGone(ctx, first)
		sets.MustReach(ctx, "the ReplicaSet is nobody's", Exactly(1, func(rs *appsv1.ReplicaSet) bool { return metav1.GetControllerOf(rs) == nil }))
		sets.MustNever(ctx, "the ReplicaSet goes", func(sets []*appsv1.ReplicaSet) bool { return len(Where(sets, Is(rs))) != 1 }, Quiet)
		f.Create(ctx, second)
		sets.MustReach(ctx, "the next Deployment has taken it", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) == 1 && sets[0].UID == rs.UID && OwnedBy(sets[0], second)
		})
		sets.MustNever(ctx, "another is made", func(sets []*appsv1.ReplicaSet) bool { return len(sets) != 1 }, Quiet)
		Expect(Names(pods.Now())).To(Equal(Names(before)))
	})

	f.It("deployments/hash-collision", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		first, second := Deployment("web", 1, Idle()), Deployment("web", 1, Idle())
		f.Create(ctx, first)
		taken := sets.MustReach(ctx, "there is a ReplicaSet", sized("1", 1))[0].Name
		f.Delete(ctx, first)
		sets.MustReach(ctx, "it has gone", func(sets []*appsv1.ReplicaSet) bool { return len(sets) == 0 })
		stranger := ReplicaSet("stranger", 0, Idle())
		stranger.Name = taken
		f.Create(ctx, stranger, second)
		made := sets.MustReach(ctx, "the same template has a ReplicaSet of another name", sized("1", 1))[0]
		Expect(made.Name).NotTo(Equal(taken))
		d := f.WaitDeployment(ctx, "web", "has counted the collision", func(d *appsv1.Deployment) bool { return ptr.Deref(d.Status.CollisionCount, 0) == 1 })
		Expect(OwnedBy(made, d)).To(BeTrue())
		f.Get(ctx, stranger)
		Expect(stranger.OwnerReferences).To(BeEmpty(), "the ReplicaSet that was there is left alone")
	})

	f.It("deployments/replica-failure", func(ctx SpecContext) {
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "few"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}}
		f.Create(ctx, quota)
		f.WaitUntil(ctx, "the quota is in force", SettleTimeout, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, quota)
			return err == nil && len(quota.Status.Hard) > 0, fmt.Sprintf("%v %v", quota.Status.Hard, err)
		})
		watched, pods := f.WatchDeployment(ctx, "web"), f.WatchPods(ctx, "app=web")
		f.Create(ctx, Deployment("web", 2, Idle()))
		failed := watched.MustReach(ctx, "it tells that pods cannot be made", Exactly(1, condition(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate")))[0]
		Expect(DeploymentCondition(failed, appsv1.DeploymentReplicaFailure).Message).To(ContainSubstring("exceeded quota: few"))
		f.Patch(ctx, quota, `{"spec":{"hard":{"pods":"5"}}}`)
		pods.MustReach(ctx, "both pods are made", Exactly(2, Active))
		watched.MustReach(ctx, "it tells so no longer", Exactly(1, condition(appsv1.DeploymentReplicaFailure, "", "")))
	})

	f.It("deployments/no-history", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 0, Idle())
		d.Spec.RevisionHistoryLimit = ptr.To[int32](0)
		f.Create(ctx, d)
		sets.MustReach(ctx, "there is revision 1", sized("1", 0))
		update(ctx, f, d, "2")
		sets.MustReach(ctx, "there is revision 2 alone", func(sets []*appsv1.ReplicaSet) bool { return len(sets) == 1 && sized("2", 0)(sets) })
		update(ctx, f, d, "")
		sets.MustReach(ctx, "the first template again is revision 3", func(sets []*appsv1.ReplicaSet) bool { return len(sets) == 1 && sized("3", 0)(sets) })
	})

	f.It("deployments/refusals", func(ctx SpecContext) {
		refused := func(field string, change func(*appsv1.Deployment)) {
			GinkgoHelper()
			d := Deployment("web", 1, Idle())
			change(d)
			MustBeInvalid(f.TryCreate(ctx, d), field)
		}
		refused("spec.template.spec.restartPolicy", func(d *appsv1.Deployment) { d.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure })
		refused("spec.template.metadata.labels", func(d *appsv1.Deployment) { d.Spec.Template.Labels = map[string]string{"app": "other"} })
		refused("spec.selector", func(d *appsv1.Deployment) { d.Spec.Selector = nil })
		refused("spec.replicas", func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](-1) })
		refused("spec.minReadySeconds", func(d *appsv1.Deployment) { d.Spec.MinReadySeconds = -1 })
		refused("spec.revisionHistoryLimit", func(d *appsv1.Deployment) { d.Spec.RevisionHistoryLimit = ptr.To[int32](-1) })
		refused("spec.progressDeadlineSeconds", func(d *appsv1.Deployment) { // it must be greater
			d.Spec.MinReadySeconds, d.Spec.ProgressDeadlineSeconds = 60, ptr.To[int32](60)
		})
	})
})
