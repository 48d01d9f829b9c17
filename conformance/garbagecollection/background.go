package garbagecollection

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("background deletion", func() {
	f := New()

	f.It("garbagecollection/cascades-by-default", func(ctx SpecContext) {
		pods, sets := f.WatchPods(ctx, "app=web"), f.WatchReplicaSets(ctx, "app=web")
		web := Deployment("web", 2, Idle())
		f.Create(ctx, web)
		pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
		f.Delete(ctx, web)
		MustBeMissing(f.TryGet(ctx, web.DeepCopy()))
		sets.MustReach(ctx, "the ReplicaSet is gone", func(now []*appsv1.ReplicaSet) bool { return len(now) == 0 })
		pods.MustReach(ctx, "the pods are gone", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})

	f.It("garbagecollection/older-kinds-orphan-by-default", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app in (old,once)")
		rc := Controller("old", 1, Idle())
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "once"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "once"}}, Spec: Idle().Spec,
		}}}
		job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
		f.Create(ctx, rc, job)
		pods.MustReach(ctx, "each has its pod", Exactly(2, Active))
		f.Delete(ctx, rc)
		f.Delete(ctx, job)
		f.WaitGone(ctx, rc)
		f.WaitGone(ctx, job)
		pods.MustReach(ctx, "the pods are orphans", Exactly(2, func(p *corev1.Pod) bool { return Active(p) && len(p.OwnerReferences) == 0 }))
		pods.MustNever(ctx, "an orphan is removed", func(now []*corev1.Pod) bool { return len(Where(now, Active)) != 2 }, Quiet)
	})

	f.It("garbagecollection/background-waits-for-the-owner", func(ctx SpecContext) {
		owner := configMap("owner")
		f.CreateHeld(ctx, owner)
		child := configMap("child", to(owner))
		f.Create(ctx, child)
		f.Delete(ctx, owner, by(metav1.DeletePropagationBackground))
		f.Get(ctx, owner)
		Expect(owner.DeletionTimestamp).NotTo(BeNil())
		Expect(owner.Finalizers).To(ConsistOf(Hold), "background deletion adds no finalizer")
		f.Stays(ctx, "the child stays while its owner is there", Quiet, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, child)
			return err == nil && child.DeletionTimestamp == nil, "it is going"
		})
		f.LetGo(ctx, owner)
		f.WaitGone(ctx, child)
	})

	f.It("garbagecollection/graceful-pods", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		template := Pod("web", "sleep", "24h")
		grace := int64(7)
		template.Spec.TerminationGracePeriodSeconds = &grace
		web := ReplicaSet("web", 1, template)
		f.Create(ctx, web)
		pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))
		f.Delete(ctx, web)
		ending := pods.MustReach(ctx, "the pod is terminating", Exactly(1, func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil }))[0]
		Expect(ending.DeletionGracePeriodSeconds).To(HaveValue(Equal(grace)))
		pods.MustReach(ctx, "the pod is gone", func(now []*corev1.Pod) bool { return len(now) == 0 })
	})
})
