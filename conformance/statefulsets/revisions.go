package statefulsets

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// revisions reads the StatefulSet's revisions, oldest first.
func revisions(ctx context.Context, f *Framework, set *appsv1.StatefulSet) []appsv1.ControllerRevision {
	GinkgoHelper()
	list, err := f.API.AppsV1().ControllerRevisions(f.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + set.Name})
	Expect(err).NotTo(HaveOccurred())
	mine := slices.DeleteFunc(list.Items, func(r appsv1.ControllerRevision) bool { return !OwnedBy(&r, set) })
	slices.SortFunc(mine, func(a, b appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return mine
}

// numbers tells the revisions' numbers.
func numbers(revisions []appsv1.ControllerRevision) []int64 {
	var numbers []int64
	for _, revision := range revisions {
		numbers = append(numbers, revision.Revision)
	}
	return numbers
}

// available looks whether so many pods are available, by the StatefulSet's newest status.
func available(f *Framework, set *appsv1.StatefulSet, want int32) func(context.Context) (bool, string) {
	return func(ctx context.Context) (bool, string) {
		f.Get(ctx, set)
		s := set.Status
		return s.ObservedGeneration >= set.Generation && s.AvailableReplicas == want, fmt.Sprintf("%+v", s)
	}
}

var _ = Describe("revisions and status", func() {
	f := New()

	f.It("statefulsets/revisions", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := parallel("web", 1)
		f.Create(ctx, set)
		first := pods.MustReach(ctx, "the pod is made", are("web-0"))[0]
		f.WaitUntil(ctx, "there is revision 1", SettleTimeout, func(ctx context.Context) (bool, string) {
			now := numbers(revisions(ctx, f, set))
			return slices.Equal(now, []int64{1}), fmt.Sprint(now)
		})
		one := revisions(ctx, f, set)[0]
		Expect(first.Labels).To(HaveKeyWithValue(appsv1.ControllerRevisionHashLabelKey, one.Name))
		f.Edit(ctx, set, func() { ChangeTemplate(&set.Spec.Template, "2") })
		f.WaitUntil(ctx, "there is revision 2", SettleTimeout, func(ctx context.Context) (bool, string) {
			now := numbers(revisions(ctx, f, set))
			return slices.Equal(now, []int64{1, 2}), fmt.Sprint(now)
		})
		f.Edit(ctx, set, func() { set.Spec.Template.Spec.Containers[0].Env = nil })
		f.WaitUntil(ctx, "the first revision has the number 3", SettleTimeout, func(ctx context.Context) (bool, string) {
			now := revisions(ctx, f, set)
			return slices.Equal(numbers(now), []int64{2, 3}) && now[1].Name == one.Name, fmt.Sprint(numbers(now))
		})
	})

	f.It("statefulsets/revision-history-limit", func(ctx SpecContext) {
		set := StatefulSet("web", 0, Idle())
		set.Spec.RevisionHistoryLimit = ptr.To[int32](1)
		f.Create(ctx, set)
		for i := 2; i <= 4; i++ {
			f.WaitUntil(ctx, fmt.Sprintf("revision %d is seen to", i-1), SettleTimeout, func(ctx context.Context) (bool, string) {
				f.Get(ctx, set)
				return set.Status.ObservedGeneration >= set.Generation && set.Status.UpdateRevision != "", fmt.Sprintf("%+v", set.Status)
			})
			f.Edit(ctx, set, func() { ChangeTemplate(&set.Spec.Template, fmt.Sprint(i)) })
		}
		f.WaitUntil(ctx, "of the old revisions one is left", SettleTimeout, func(ctx context.Context) (bool, string) {
			now := numbers(revisions(ctx, f, set))
			return slices.Equal(now, []int64{3, 4}), fmt.Sprint(now)
		})
	})

	f.It("statefulsets/status", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := StatefulSet("web", 2, Pod("web", "sleep", "24h"))
		f.Create(ctx, set)
		pods.MustReach(ctx, "both are ready", allReady("web-0", "web-1"))
		f.WaitUntil(ctx, "the status is complete", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, set)
			s := set.Status
			return s.Replicas == 2 && s.ReadyReplicas == 2 && s.AvailableReplicas == 2 && s.CurrentReplicas == 2 && s.UpdatedReplicas == 2 &&
				s.CurrentRevision == s.UpdateRevision && s.ObservedGeneration == set.Generation, fmt.Sprintf("%+v", s)
		})
		before := set.Status.CurrentRevision
		f.Edit(ctx, set, func() {
			ChangeTemplate(&set.Spec.Template, "2")
			ReadyWhenTold(&set.Spec.Template.Spec)
		})
		f.WaitUntil(ctx, "one of two is updated and not ready", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, set)
			s := set.Status
			return s.Replicas == 2 && s.ReadyReplicas == 1 && s.AvailableReplicas == 1 && s.CurrentReplicas == 1 && s.UpdatedReplicas == 1 &&
				s.CurrentRevision == before && s.UpdateRevision != before, fmt.Sprintf("%+v", s)
		})
		pods.MustReach(ctx, "web-1 runs anew", func(now []*corev1.Pod) bool { return len(now) == 2 && generation(now[1]) == "2" && Running(now[1]) })
		f.TellReady(ctx, true, "web-1")
		pods.MustReach(ctx, "web-0 runs anew", func(now []*corev1.Pod) bool { return len(now) == 2 && generation(now[0]) == "2" && Running(now[0]) })
		f.TellReady(ctx, true, "web-0")
		f.WaitUntil(ctx, "the update is complete", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, set)
			s := set.Status
			return s.ReadyReplicas == 2 && s.UpdatedReplicas == 2 && s.CurrentReplicas == 2 && s.CurrentRevision == s.UpdateRevision, fmt.Sprintf("%+v", s)
		})
	})

	f.It("statefulsets/scale-subresource", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		f.Create(ctx, parallel("web", 1))
		pods.MustReach(ctx, "the pod is made", are("web-0"))
		sets := f.API.AppsV1().StatefulSets(f.Namespace)
		scale, err := sets.GetScale(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(1))
		Expect(scale.Status.Selector).To(Equal("app=web"))
		_, err = sets.Patch(ctx, "web", types.MergePatchType, []byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{}, "scale")
		Expect(err).NotTo(HaveOccurred())
		pods.MustReach(ctx, "there are 3", are("web-0", "web-1", "web-2"))
		f.WaitUntil(ctx, "the scale counts 3 pods", SettleTimeout, func(ctx context.Context) (bool, string) {
			scale, err := sets.GetScale(ctx, "web", metav1.GetOptions{})
			return err == nil && scale.Status.Replicas == 3, fmt.Sprintf("%+v, %v", scale, err)
		})
	})

	f.It("statefulsets/defaults", func(ctx SpecContext) {
		set := StatefulSet("web", 1, Idle())
		set.Spec.Replicas = nil
		f.Create(ctx, set)
		spec := set.Spec
		Expect(spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(spec.PodManagementPolicy).To(Equal(appsv1.OrderedReadyPodManagement))
		Expect(spec.UpdateStrategy.Type).To(Equal(appsv1.RollingUpdateStatefulSetStrategyType))
		Expect(spec.UpdateStrategy.RollingUpdate.Partition).To(HaveValue(BeZero()))
		Expect(spec.RevisionHistoryLimit).To(HaveValue(BeEquivalentTo(10)))
		Expect(spec.PersistentVolumeClaimRetentionPolicy).To(HaveValue(Equal(appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenDeleted: appsv1.RetainPersistentVolumeClaimRetentionPolicyType, WhenScaled: appsv1.RetainPersistentVolumeClaimRetentionPolicyType})))
	})

	f.It("statefulsets/immutable", func(ctx SpecContext) {
		set := claims(StatefulSet("web", 0, Idle()), "data")
		f.Create(ctx, set)
		for _, patch := range []string{
			`{"spec":{"serviceName":"other"}}`, `{"spec":{"podManagementPolicy":"Parallel"}}`,
			`{"spec":{"selector":{"matchLabels":{"app":"web","more":"yes"}},"template":{"metadata":{"labels":{"more":"yes"}}}}}`,
			`{"spec":{"volumeClaimTemplates":[]}}`,
		} {
			MustRefuse(f.TryPatch(ctx, set.DeepCopy(), types.MergePatchType, patch), 422, "updates to statefulset spec for fields other than")
		}
		for _, patch := range []string{
			`{"spec":{"replicas":0,"minReadySeconds":3,"revisionHistoryLimit":2,"ordinals":{"start":1}}}`,
			`{"spec":{"updateStrategy":{"type":"OnDelete","rollingUpdate":null}}}`,
			`{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Delete"}}}`,
			`{"spec":{"template":{"metadata":{"labels":{"more":"yes"}}}}}`,
		} {
			f.Patch(ctx, set, patch)
		}
	})
})
