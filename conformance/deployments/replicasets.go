// Package deployments judges the area "deployments".
package deployments

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// revision is the condition of being the ReplicaSet of a revision.
func revision(number string) func(*appsv1.ReplicaSet) bool {
	return func(rs *appsv1.ReplicaSet) bool { return rs.Annotations[RevisionAnnotation] == number }
}

// size is the condition of wanting that many replicas.
func size(n int32) func(*appsv1.ReplicaSet) bool {
	return func(rs *appsv1.ReplicaSet) bool { return *rs.Spec.Replicas == n }
}

// sized is the condition that the revision's ReplicaSet exists once, and wants that many replicas.
func sized(number string, n int32) func([]*appsv1.ReplicaSet) bool {
	return func(sets []*appsv1.ReplicaSet) bool { return len(Where(sets, revision(number), size(n))) == 1 }
}

// of returns the condition of being a pod of the ReplicaSet.
func of(rs *appsv1.ReplicaSet) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return OwnedBy(pod, rs) }
}

// update changes the template, so that a rollout begins.
func update(ctx context.Context, f *Framework, d *appsv1.Deployment, generation string) {
	GinkgoHelper()
	f.Edit(ctx, d, func() { ChangeTemplate(&d.Spec.Template, generation) })
}

var _ = Describe("a Deployment's ReplicaSets", func() {
	f := New()

	f.It("deployments/owns-replicaset", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		d := Deployment("web", 2, Idle())
		f.Create(ctx, d)
		rs := sets.MustReach(ctx, "there is one ReplicaSet for 2 replicas", sized("1", 2))[0]
		hash := rs.Labels[PodTemplateHash]
		Expect(hash).NotTo(BeEmpty())
		Expect(rs.Name).To(Equal("web-" + hash))
		Expect(OwnedBy(rs, d)).To(BeTrue(), "the Deployment is its controller: %v", rs.OwnerReferences)
		Expect(rs.Spec.Selector.MatchLabels).To(Equal(map[string]string{"app": "web", PodTemplateHash: hash}))
		Expect(rs.Spec.Template.Labels).To(Equal(map[string]string{"app": "web", PodTemplateHash: hash}))
		for _, pod := range pods.MustReach(ctx, "there are 2 pods", Exactly(2, of(rs))) {
			Expect(pod.Labels).To(HaveKeyWithValue(PodTemplateHash, hash))
			Expect(pod.Name).To(MatchRegexp("^" + rs.Name + "-[a-z0-9]{5}$"))
		}
		sets.MustNever(ctx, "there is another ReplicaSet", func(sets []*appsv1.ReplicaSet) bool { return len(sets) != 1 }, Quiet)
		f.Get(ctx, d)
		Expect(d.Spec.Selector.MatchLabels).To(Equal(map[string]string{"app": "web"}), "the Deployment's own selector has no hash")
		Expect(d.Spec.Template.Labels).To(Equal(map[string]string{"app": "web"}))
	})

	f.It("deployments/one-replicaset-at-rest", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 2, Pod("web", "sleep", "1h"))
		f.Create(ctx, d)
		f.WaitRolled(ctx, "web")
		first := sets.MustReach(ctx, "the first ReplicaSet has 2 pods", sized("1", 2))[0]
		update(ctx, f, d, "2")
		f.WaitRolled(ctx, "web")
		sets.MustReach(ctx, "the second has them all, the first none", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) == 2 && sized("2", 2)(sets) && len(Where(sets, Is(first), size(0), func(rs *appsv1.ReplicaSet) bool { return rs.Status.Replicas == 0 })) == 1
		})
		sets.MustNever(ctx, "a ReplicaSet is scaled, made or removed at rest", func(sets []*appsv1.ReplicaSet) bool {
			return len(sets) != 2 || !sized("2", 2)(sets) || len(Where(sets, size(0))) != 1
		}, Quiet)
	})

	f.It("deployments/replica-annotations", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 4, Idle())
		f.Create(ctx, d)
		annotated := func(desired, most string) func([]*appsv1.ReplicaSet) bool {
			return Exactly(1, func(rs *appsv1.ReplicaSet) bool {
				return rs.Annotations[DesiredReplicasAnnotation] == desired && rs.Annotations[MaxReplicasAnnotation] == most
			})
		}
		sets.MustReach(ctx, "4 are desired and 5 the most", annotated("4", "5"))
		f.Scale(ctx, d, 9)
		sets.MustReach(ctx, "9 are desired and 12 the most", annotated("9", "12")) // 25 % of 9, rounded up, is 3
	})

	f.It("deployments/repairs-replicaset", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		f.Create(ctx, Deployment("web", 2, Idle()))
		rs := sets.MustReach(ctx, "the ReplicaSet wants 2", sized("1", 2))[0]
		f.Scale(ctx, rs, 4)
		sets.MustReach(ctx, "somebody made it 4", Exactly(1, size(4)))
		sets.MustReach(ctx, "the Deployment made it 2 again", Exactly(1, size(2)))
		f.Delete(ctx, rs)
		again := sets.MustReach(ctx, "a new ReplicaSet of the same template wants 2", func(sets []*appsv1.ReplicaSet) bool {
			return len(Where(sets, size(2), func(other *appsv1.ReplicaSet) bool { return other.UID != rs.UID })) == 1
		})
		Expect(again[len(again)-1].Labels[PodTemplateHash]).To(Equal(rs.Labels[PodTemplateHash]))
		pods.MustReach(ctx, "there are 2 pods of the new one only", func(now []*corev1.Pod) bool {
			return len(now) == 2 && len(Where(now, of(rs))) == 0
		})
	})

	f.It("deployments/delete-cascades", func(ctx SpecContext) {
		sets, pods := f.WatchReplicaSets(ctx, "app=web"), f.WatchPods(ctx, "app=web")
		d := Deployment("web", 2, Idle())
		f.Create(ctx, d)
		sets.MustReach(ctx, "the ReplicaSet wants 2", sized("1", 2))
		pods.MustReach(ctx, "there are 2 pods", Exactly(2, Active))
		f.Delete(ctx, d)
		f.WaitGone(ctx, d)
		sets.MustReach(ctx, "there is no ReplicaSet", func(sets []*appsv1.ReplicaSet) bool { return len(sets) == 0 })
		pods.MustReach(ctx, "there is no pod", func(pods []*corev1.Pod) bool { return len(pods) == 0 })
		sets.MustNever(ctx, "a ReplicaSet comes back", func(sets []*appsv1.ReplicaSet) bool { return len(sets) > 0 }, Quiet)
	})

	f.It("deployments/events", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		d := Deployment("web", 1, Idle())
		f.Create(ctx, d)
		rs := sets.MustReach(ctx, "the ReplicaSet wants 1", sized("1", 1))[0]
		event := f.WaitEvent(ctx, d, "ScalingReplicaSet")
		Expect(event.Type).To(Equal(corev1.EventTypeNormal))
		Expect(event.Message).To(Equal("Scaled up replica set " + rs.Name + " from 0 to 1"))
		f.Scale(ctx, d, 0)
		f.WaitUntil(ctx, "an event tells of scaling down", EventTimeout, func(ctx context.Context) (bool, string) {
			events := f.Events(ctx, d)
			for _, e := range events {
				if e.Reason == "ScalingReplicaSet" && e.Message == "Scaled down replica set "+rs.Name+" from 1 to 0" {
					return true, ""
				}
			}
			return false, EventLines(events)
		})
	})

	f.It("deployments/scale-subresource", func(ctx SpecContext) {
		sets := f.WatchReplicaSets(ctx, "app=web")
		f.Create(ctx, Deployment("web", 1, Idle()))
		deployments := f.API.AppsV1().Deployments(f.Namespace)
		scale, err := deployments.GetScale(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(1))
		Expect(scale.Status.Selector).To(Equal("app=web"))
		scale.Spec.Replicas, scale.ResourceVersion = 3, "" // whatever the controller has written meanwhile
		_, err = deployments.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		sets.MustReach(ctx, "the ReplicaSet wants 3", sized("1", 3))
	})
})
