package deployments

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("revisions", func() {
	f := New()

	f.It("deployments/revisions", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 1, Idle())
		d.Annotations = map[string]string{ChangeCauseAnnotation: "first"}
		f.Create(ctx, d)
		caused := func(number, cause string) func([]*appsv1.ReplicaSet) bool {
			return Exactly(1, func(rs *appsv1.ReplicaSet) bool {
				return revision(number)(rs) && rs.Annotations[ChangeCauseAnnotation] == cause
			})
		}
		sets.MustReach(ctx, "revision 1 has its cause", caused("1", "first"))
		f.Edit(ctx, d, func() {
			d.Annotations[ChangeCauseAnnotation] = "second"
			ChangeTemplate(&d.Spec.Template, "2")
		})
		sets.MustReach(ctx, "revision 2 has its cause, and revision 1 keeps its own", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) == 2 && caused("1", "first")(sets) && caused("2", "second")(sets)
		})
		f.WaitDeployment(ctx, "web", "is at revision 2", func(d *appsv1.Deployment) bool { return d.Annotations[RevisionAnnotation] == "2" })
	})

	f.It("deployments/only-template-makes-revision", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		d := Deployment("web", 2, Idle())
		f.Create(ctx, d)
		before := pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
		sets.Throughout(ctx, "there is one ReplicaSet, of revision 1", func(sets []*appsv1.ReplicaSet) string {
			if other := Where(sets, func(rs *appsv1.ReplicaSet) bool { return rs.Annotations[RevisionAnnotation] > "1" }); len(sets) > 1 || len(other) > 0 {
				return "there are " + strings.Join(Names(sets), ", ")
			}
			return ""
		})
		f.Edit(ctx, d, func() {
			d.Labels["more"] = "labels"
			metav1.SetMetaDataAnnotation(&d.ObjectMeta, "more", "annotations") // it may have none yet
			d.Spec.Strategy = bounds(2, 1)
			d.Spec.RevisionHistoryLimit = ptr.To[int32](3)
			d.Spec.ProgressDeadlineSeconds = ptr.To[int32](300)
			d.Spec.MinReadySeconds = 1
			d.Spec.Replicas = ptr.To[int32](3)
		})
		f.WaitDeployment(ctx, "web", "is seen by its controller", func(now *appsv1.Deployment) bool { return now.Status.ObservedGeneration >= d.Generation })
		after := pods.MustReach(ctx, "there are 3 pods", Exactly(3, Active))
		Expect(Names(after)).To(ContainElements(Names(before)))
		pods.MustNever(ctx, "a pod is replaced", func(now []*corev1.Pod) bool { return len(now) != 3 || len(Where(now, Is(before[0]))) != 1 }, Quiet)
	})

	f.It("deployments/configmap-no-rollout", func(ctx SpecContext) {
		settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"key": "old"}}
		pod := Idle()
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		f.Create(ctx, settings, Deployment("web", 1, pod))
		pods.MustReach(ctx, "there is a pod", Exactly(1, Active))
		f.Patch(ctx, settings, `{"data":{"key":"new"}}`)
		sets.MustNever(ctx, "a second revision is made", func(sets []*appsv1.ReplicaSet) bool { return len(sets) > 1 }, Quiet)
		pods.MustNever(ctx, "a pod is replaced", func(now []*corev1.Pod) bool { return len(now) != 1 }, Quiet)
	})

	f.It("deployments/undo", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 1, Pod("web", "sleep", "1h"))
		f.Create(ctx, d)
		f.WaitRolled(ctx, "web")
		first := sets.MustReach(ctx, "revision 1 has the pod", sized("1", 1))[0]
		update(ctx, f, d, "2")
		f.WaitRolled(ctx, "web")
		// What kubectl rollout undo does: the old ReplicaSet's template, without the hash, is the Deployment's again.
		f.Edit(ctx, d, func() {
			d.Spec.Template = *first.Spec.Template.DeepCopy()
			delete(d.Spec.Template.Labels, PodTemplateHash)
		})
		f.WaitRolled(ctx, "web")
		reached := sets.MustReach(ctx, "the first ReplicaSet is revision 3 and has the pod", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) == 2 && sized("3", 1)(sets) && sized("2", 0)(sets)
		})
		again := Where(reached, revision("3"))[0]
		Expect(again.UID).To(Equal(first.UID), "the ReplicaSet is taken up again, not made anew")
		Expect(again.Annotations).To(HaveKeyWithValue(RevisionHistoryAnnotation, "1"))
	})

	f.It("deployments/restart", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		d := Deployment("web", 2, Pod("web", "sleep", "1h"))
		f.Create(ctx, d)
		old := pods.MustReach(ctx, "all pods are ready", Exactly(2, Ready))
		f.WaitRolled(ctx, "web")
		f.Patch(ctx, d, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z"}}}}}`)
		pods.MustReach(ctx, "all pods are new and ready", func(now []*corev1.Pod) bool {
			return len(now) == 2 && len(Where(now, Ready)) == 2 && len(Where(now, Is(old[0]))) == 0 && len(Where(now, Is(old[1]))) == 0
		})
	})

	f.It("deployments/revision-history-limit", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 0, Idle())
		d.Spec.RevisionHistoryLimit = ptr.To[int32](1)
		f.Create(ctx, d)
		sets.MustReach(ctx, "there is revision 1", sized("1", 0))
		update(ctx, f, d, "2")
		sets.MustReach(ctx, "there are revisions 1 and 2", func(sets []*appsv1.ReplicaSet) bool { return sized("1", 0)(sets) && sized("2", 0)(sets) })
		update(ctx, f, d, "3")
		sets.MustReach(ctx, "of the old ones, revision 2 alone is left", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) == 2 && sized("2", 0)(sets) && sized("3", 0)(sets)
		})
		sets.MustNever(ctx, "more go", func(sets []*appsv1.ReplicaSet) bool { return len(sets) != 2 }, Quiet)
	})

	f.It("deployments/pause-resume", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 1, Idle())
		f.Create(ctx, d)
		sets.MustReach(ctx, "there is revision 1", sized("1", 1))
		f.Edit(ctx, d, func() { d.Spec.Paused = true })
		f.WaitDeployment(ctx, "web", "is known to be paused", func(d *appsv1.Deployment) bool {
			return DeploymentCondition(d, appsv1.DeploymentProgressing).Reason == "DeploymentPaused"
		})
		update(ctx, f, d, "2")
		update(ctx, f, d, "3")
		f.Scale(ctx, d, 2)
		sets.MustReach(ctx, "scaling works while paused", sized("1", 2))
		sets.MustNever(ctx, "a paused Deployment rolls out", func(sets []*appsv1.ReplicaSet) bool { return len(sets) != 1 }, Quiet)
		f.Edit(ctx, d, func() { d.Spec.Paused = false })
		reached := sets.MustReach(ctx, "both changes come as revision 2", func(sets []*appsv1.ReplicaSet) bool { return len(Where(sets, revision("2"))) == 1 })
		Expect(Where(reached, revision("2"))[0].Spec.Template.Spec.Containers[0].Env[0].Value).To(Equal("3"))
		f.WaitDeployment(ctx, "web", "is known to be resumed", func(d *appsv1.Deployment) bool {
			return DeploymentCondition(d, appsv1.DeploymentProgressing).Reason != "DeploymentPaused"
		})
	})
})
