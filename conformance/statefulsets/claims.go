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

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// uids reads the claims of the namespace: their uids by name. One that is to go counts as gone: while a
// pod uses it, or a volume is bound to it, it stays for a while.
func uids(ctx context.Context, f *Framework) map[string]types.UID {
	GinkgoHelper()
	list, err := f.API.CoreV1().PersistentVolumeClaims(f.Namespace).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	claims := map[string]types.UID{}
	for _, claim := range list.Items {
		if claim.DeletionTimestamp == nil {
			claims[claim.Name] = claim.UID
		}
	}
	return claims
}

func names(claims map[string]types.UID) []string {
	var names []string
	for name := range claims {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// untilClaims waits until the namespace has these claims and no others.
func untilClaims(ctx context.Context, f *Framework, want ...string) map[string]types.UID {
	GinkgoHelper()
	var now map[string]types.UID
	f.WaitUntil(ctx, fmt.Sprintf("the claims are %v", want), SettleTimeout, func(ctx context.Context) (bool, string) {
		now = uids(ctx, f)
		return slices.Equal(names(now), want), fmt.Sprint(names(now))
	})
	return now
}

var _ = Describe("claims", func() {
	f := New()

	f.It("statefulsets/claims-per-pod", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := claims(claims(parallel("web", 2), "data"), "log")
		// A volume of the template with a claim's name is overridden by the claim.
		set.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		f.Create(ctx, set)
		made := pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		untilClaims(ctx, f, "data-web-0", "data-web-1", "log-web-0", "log-web-1")
		for _, pod := range made {
			mounted := map[string]string{}
			for _, volume := range pod.Spec.Volumes {
				if volume.PersistentVolumeClaim != nil {
					mounted[volume.Name] = volume.PersistentVolumeClaim.ClaimName
				}
			}
			Expect(mounted).To(Equal(map[string]string{"data": "data-" + pod.Name, "log": "log-" + pod.Name}))
		}
		claim, err := f.API.CoreV1().PersistentVolumeClaims(f.Namespace).Get(ctx, "data-web-0", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(claim.Labels).To(And(HaveKeyWithValue("app", "web"), HaveKeyWithValue("kept", "yes")), "labels of the selector and of the template")
		Expect(claim.Spec.Resources.Requests.Storage().String()).To(Equal("1Gi"))
	})

	f.It("statefulsets/claims-kept", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := claims(parallel("web", 2), "data")
		f.Create(ctx, set)
		first := pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		made := untilClaims(ctx, f, "data-web-0", "data-web-1")
		unchanged := func(ctx context.Context) (bool, string) {
			now := uids(ctx, f)
			return len(now) == 2 && now["data-web-0"] == made["data-web-0"] && now["data-web-1"] == made["data-web-1"], fmt.Sprint(now)
		}
		f.Delete(ctx, first[1])
		pods.MustReach(ctx, "web-1 is back", func(now []*corev1.Pod) bool { return are("web-0", "web-1")(now) && now[1].UID != first[1].UID })
		f.Patch(ctx, set, `{"spec":{"replicas":1}}`)
		pods.MustReach(ctx, "web-1 is gone", are("web-0"))
		f.Stays(ctx, "the claims are the same", Quiet, unchanged)
		f.Patch(ctx, set, `{"spec":{"replicas":2}}`)
		pods.MustReach(ctx, "web-1 is back", are("web-0", "web-1"))
		f.Delete(ctx, set)
		pods.MustReach(ctx, "the pods are gone", none)
		f.Stays(ctx, "the claims are the same", Quiet, unchanged)
	})

	f.It("statefulsets/claims-deleted-when-scaled", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := claims(parallel("web", 3), "data")
		set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenScaled: appsv1.DeletePersistentVolumeClaimRetentionPolicyType, WhenDeleted: appsv1.RetainPersistentVolumeClaimRetentionPolicyType}
		f.Create(ctx, set)
		pods.MustReach(ctx, "all are made", are("web-0", "web-1", "web-2"))
		before := untilClaims(ctx, f, "data-web-0", "data-web-1", "data-web-2")
		f.Patch(ctx, set, `{"spec":{"replicas":1}}`)
		pods.MustReach(ctx, "web-0 alone is left", are("web-0"))
		Expect(untilClaims(ctx, f, "data-web-0")["data-web-0"]).To(Equal(before["data-web-0"]))
		f.Delete(ctx, set)
		pods.MustReach(ctx, "the pods are gone", none)
		f.Stays(ctx, "the claim outlives the StatefulSet", Quiet, func(ctx context.Context) (bool, string) {
			now := uids(ctx, f)
			return now["data-web-0"] == before["data-web-0"], fmt.Sprint(now)
		})
	})

	f.It("statefulsets/claims-survive-replacement", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := claims(parallel("web", 2), "data")
		set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenScaled: appsv1.DeletePersistentVolumeClaimRetentionPolicyType, WhenDeleted: appsv1.DeletePersistentVolumeClaimRetentionPolicyType}
		f.Create(ctx, set)
		first := pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		before := untilClaims(ctx, f, "data-web-0", "data-web-1")
		f.Delete(ctx, first[0])
		f.Patch(ctx, first[1], `{"status":{"phase":"Failed"}}`, "status")
		pods.MustReach(ctx, "both are made anew", func(now []*corev1.Pod) bool {
			return are("web-0", "web-1")(now) && now[0].UID != first[0].UID && now[1].UID != first[1].UID
		})
		f.Stays(ctx, "the claims are the same", Quiet, func(ctx context.Context) (bool, string) {
			now := uids(ctx, f)
			return len(now) == 2 && now["data-web-0"] == before["data-web-0"] && now["data-web-1"] == before["data-web-1"], fmt.Sprint(now)
		})
		f.Patch(ctx, set, `{"spec":{"replicas":1}}`)
		pods.MustReach(ctx, "web-1 is gone", are("web-0"))
		untilClaims(ctx, f, "data-web-0")
		f.Delete(ctx, set)
		pods.MustReach(ctx, "the pods are gone", none)
		untilClaims(ctx, f)
	})

	f.It("statefulsets/claims-policy-changes", func(ctx SpecContext) {
		pods, seen := f.WatchPods(ctx, "app=web"), f.WatchClaims(ctx, "app=web")
		set := claims(parallel("web", 2), "data")
		f.Create(ctx, set)
		pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		untilClaims(ctx, f, "data-web-0", "data-web-1")
		owned := func(claim *corev1.PersistentVolumeClaim) bool {
			return slices.ContainsFunc(claim.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == set.UID })
		}
		f.Patch(ctx, set, `{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete"}}}`)
		seen.MustReach(ctx, "the claims are the StatefulSet's", Exactly(2, owned))
		f.Patch(ctx, set, `{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain","whenScaled":"Delete"}}}`)
		seen.MustReach(ctx, "the claims are nobody's", Exactly(2, func(claim *corev1.PersistentVolumeClaim) bool { return len(claim.OwnerReferences) == 0 }))
		f.Patch(ctx, set, `{"spec":{"replicas":1}}`)
		pods.MustReach(ctx, "web-1 is gone", are("web-0"))
		untilClaims(ctx, f, "data-web-0")
		f.Delete(ctx, set)
		pods.MustReach(ctx, "the pods are gone", none)
		f.Stays(ctx, "the claim outlives the StatefulSet", Quiet, func(ctx context.Context) (bool, string) {
			now := names(uids(ctx, f))
			return len(now) == 1, fmt.Sprint(now)
		})
	})

	f.It("statefulsets/claims-deleted-with-set", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "app=web")
		set := claims(parallel("web", 2), "data")
		set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenScaled: appsv1.RetainPersistentVolumeClaimRetentionPolicyType, WhenDeleted: appsv1.DeletePersistentVolumeClaimRetentionPolicyType}
		f.Create(ctx, set)
		pods.MustReach(ctx, "both are made", are("web-0", "web-1"))
		untilClaims(ctx, f, "data-web-0", "data-web-1")
		f.Patch(ctx, set, `{"spec":{"replicas":1}}`)
		pods.MustReach(ctx, "web-1 is gone", are("web-0"))
		f.Stays(ctx, "the claims stay with the StatefulSet", Quiet, func(ctx context.Context) (bool, string) {
			now := names(uids(ctx, f))
			return len(now) == 2, fmt.Sprint(now)
		})
		f.Delete(ctx, set)
		pods.MustReach(ctx, "the pods are gone", none)
		untilClaims(ctx, f)
	})
})
