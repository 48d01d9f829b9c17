package garbagecollection

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("foreground deletion", func() {
	f := New()

	f.It("garbagecollection/foreground-depth-first", func(ctx SpecContext) {
		pods, sets, deployments := f.WatchPods(ctx, "app=web"), f.WatchReplicaSets(ctx, "app=web"), f.WatchDeployment(ctx, "web")
		web := Deployment("web", 1, Idle())
		web.Spec.Template.Finalizers = []string{Hold}
		f.Create(ctx, web)
		pod := pods.MustReach(ctx, "there is a pod", Exactly(1, Active))[0]
		f.LetGoAfterwards(pod)
		f.Delete(ctx, web, by(metav1.DeletePropagationForeground))
		waits := func(owner metav1.Object) bool {
			return owner.GetDeletionTimestamp() != nil && slices.Contains(owner.GetFinalizers(), metav1.FinalizerDeleteDependents)
		}
		deployments.MustReach(ctx, "the Deployment waits", func(now []*appsv1.Deployment) bool {
			return len(now) == 1 && waits(now[0])
		})
		sets.MustReach(ctx, "the ReplicaSet waits", func(now []*appsv1.ReplicaSet) bool {
			return len(now) == 1 && waits(now[0])
		})
		pods.MustReach(ctx, "the pod is terminating", Exactly(1, func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil }))
		deployments.MustNever(ctx, "the Deployment goes before the pod", func(now []*appsv1.Deployment) bool { return len(now) == 0 }, Quiet)
		if now := sets.Now(); len(now) != 1 {
			Fail(fmt.Sprintf("wanted: the ReplicaSet stays until its pod is gone\n  seen: %d ReplicaSets", len(now)))
		}
		f.LetGo(ctx, pod)
		pods.MustReach(ctx, "the pod is gone", func(now []*corev1.Pod) bool { return len(now) == 0 })
		sets.MustReach(ctx, "the ReplicaSet is gone", func(now []*appsv1.ReplicaSet) bool { return len(now) == 0 })
		deployments.MustReach(ctx, "the Deployment is gone", func(now []*appsv1.Deployment) bool { return len(now) == 0 })
	})

	f.It("garbagecollection/foreground-ignores-unblocking", func(ctx SpecContext) {
		owner := configMap("owner")
		f.Create(ctx, owner)
		free := to(owner)
		free.BlockOwnerDeletion = ptr.To(false)
		unsaid := to(owner)
		unsaid.BlockOwnerDeletion = nil
		one, two := configMap("one", free), configMap("two", unsaid)
		f.CreateHeld(ctx, one)
		f.CreateHeld(ctx, two)
		f.Delete(ctx, owner, by(metav1.DeletePropagationForeground))
		f.WaitGone(ctx, owner)
		for _, child := range []*corev1.ConfigMap{one, two} {
			f.WaitUntil(ctx, "the dependent "+child.Name+" is deleted, too", SettleTimeout, func(ctx context.Context) (bool, string) {
				f.Get(ctx, child)
				return child.DeletionTimestamp != nil, "it is not"
			})
		}
	})

	f.It("garbagecollection/foreground-spares-owned-by-others", func(ctx SpecContext) {
		going, staying := configMap("going"), configMap("staying")
		f.Create(ctx, going, staying)
		child := configMap("child", to(going), to(staying))
		f.Create(ctx, child)
		f.Delete(ctx, going, by(metav1.DeletePropagationForeground))
		f.WaitGone(ctx, going)
		f.Get(ctx, child)
		Expect(child.DeletionTimestamp).To(BeNil())
		Expect(child.OwnerReferences).To(HaveLen(1))
		Expect(child.OwnerReferences[0].UID).To(Equal(staying.UID))
	})

	f.It("garbagecollection/circle", func(ctx SpecContext) {
		first := configMap("first")
		f.Create(ctx, first)
		second := configMap("second", to(first))
		f.Create(ctx, second)
		f.Edit(ctx, first, func() { first.OwnerReferences = []metav1.OwnerReference{to(second)} })
		f.Delete(ctx, first, by(metav1.DeletePropagationForeground))
		f.WaitGone(ctx, first)
		f.WaitGone(ctx, second)
	})
})
