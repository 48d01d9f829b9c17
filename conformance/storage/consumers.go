package storage

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

const (
	defaultClass = "storageclass.kubernetes.io/is-default-class"
	provisioner  = "none.conformance.etalon.dev/disks"
)

// secondAfter waits until the clock shows a later second than t.
func secondAfter(t time.Time) func(context.Context) (bool, string) {
	return func(context.Context) (bool, string) {
		now := time.Now()
		return now.Unix() > t.Unix()+1, now.String()
	}
}

// withVolume is a pod that no node takes, with a volume of the source.
func withVolume(name string, source corev1.VolumeSource) *corev1.Pod {
	pod := Idle()
	pod.Name = name
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: source})
	return pod
}

func ofClaim(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

// unused says that the claim c tells that status of its being unused.
func unused(status corev1.ConditionStatus) func([]*corev1.PersistentVolumeClaim) bool {
	return is("c", func(c *corev1.PersistentVolumeClaim) bool {
		return slices.ContainsFunc(c.Status.Conditions, func(condition corev1.PersistentVolumeClaimCondition) bool {
			return condition.Type == corev1.PersistentVolumeClaimUnused && condition.Status == status && !condition.LastTransitionTime.IsZero()
		})
	})
}

// suspendDefaults has no StorageClass be a default until the spec has ended, and waits until new claims get none.
func suspendDefaults(ctx context.Context, f *Framework) {
	GinkgoHelper()
	classes := f.API.StorageV1().StorageClasses()
	list, err := classes.List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	set := func(ctx context.Context, name, value string) error {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, defaultClass, value)
		_, err := classes.Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
	for _, c := range list.Items {
		if c.Annotations[defaultClass] == "true" {
			DeferCleanup(func(ctx SpecContext) {
				Expect(set(ctx, c.Name, "true")).To(Succeed(), "class %s is to be a default again", c.Name)
			})
			Expect(set(ctx, c.Name, "false")).To(Succeed())
		}
	}
	f.WaitUntil(ctx, "claims get no class", SettleTimeout, func(ctx context.Context) (bool, string) {
		probe := claim("probe", "", "1Gi")
		probe.Spec.StorageClassName = nil
		got, err := f.API.CoreV1().PersistentVolumeClaims(f.Namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return false, err.Error()
		}
		return got.Spec.StorageClassName == nil, fmt.Sprintf("class %q", ptr.Deref(got.Spec.StorageClassName, ""))
	})
}

var _ = Describe("claims and those who use them", func() {
	f := New()

	f.It("storage/waits-for-consumer", func(ctx SpecContext) {
		own := class(ctx, f, storagev1.VolumeBindingWaitForFirstConsumer)
		pvcs, pvs := claims(ctx, f), volumes(ctx, f)
		v := volume(f, "a", own, "1Gi")
		f.CreateForCluster(ctx, v)
		pvs.MustReach(ctx, "the volume is Available", inPhase(v, corev1.VolumeAvailable))
		c := claim("c", own, "1Gi")
		f.Create(ctx, c)
		f.WaitEvent(ctx, c, "WaitForFirstConsumer")
		pvcs.MustNever(ctx, "the claim is bound without a consumer", touched("c"), Quiet)
		pvs.MustNever(ctx, "the volume is taken without a consumer", taken(v), Quiet)
	})

	f.It("storage/names-provisioner", func(ctx SpecContext) {
		own := class(ctx, f, storagev1.VolumeBindingImmediate, func(c *storagev1.StorageClass) { c.Provisioner = provisioner })
		pvcs := claims(ctx, f)
		f.Create(ctx, claim("c", own, "1Gi"))
		pvcs.MustReach(ctx, "the claim names the provisioner that has to make its volume", is("c", func(c *corev1.PersistentVolumeClaim) bool {
			return c.Annotations["volume.kubernetes.io/storage-provisioner"] == provisioner
		}))
		pvcs.MustNever(ctx, "the claim is bound although there is no volume", touched("c"), Quiet)
		v := volume(f, "a", own, "1Gi")
		f.CreateForCluster(ctx, v)
		pvcs.MustReach(ctx, "the claim is Bound to the volume that was made", boundTo("c", v))
	})

	// Serial: while it runs, the cluster has no default class at first, and then the spec's.
	f.It("storage/default-later", func(ctx SpecContext) {
		suspendDefaults(ctx, f)
		pvcs := claims(ctx, f)
		c := claim("c", "", "1Gi")
		c.Spec.StorageClassName = nil
		f.Create(ctx, c)
		declined := claim("declined", "", "1Gi")
		// The selector keeps the claim off everybody else's volumes without a class.
		declined.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{ofSpec: f.Namespace}}
		f.Create(ctx, declined)
		own := class(ctx, f, storagev1.VolumeBindingImmediate, func(c *storagev1.StorageClass) { c.Annotations = map[string]string{defaultClass: "true"} })
		pvcs.MustReach(ctx, "the claim has the class that became the default", is("c", func(c *corev1.PersistentVolumeClaim) bool {
			return ptr.Deref(c.Spec.StorageClassName, "") == own
		}))
		pvcs.MustNever(ctx, "a claim that declined a default gets one", is("declined", func(c *corev1.PersistentVolumeClaim) bool {
			return ptr.Deref(c.Spec.StorageClassName, "unset") != ""
		}), Quiet)
	}, Serial)

	f.It("storage/claim-in-use", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		c := claim("c", own, "1Gi")
		f.Create(ctx, c)
		// Placed on a node that does not exist: nobody starts it, and it stays for as long as it is held.
		user := withVolume("user", ofClaim("c"))
		user.Spec.NodeSelector, user.Spec.NodeName = nil, "none-such-"+f.Namespace
		f.CreateHeld(ctx, user)
		pvcs.MustReach(ctx, "the claim is protected", is("c", func(c *corev1.PersistentVolumeClaim) bool { return len(c.Finalizers) > 0 }))
		f.Delete(ctx, c)
		pvcs.MustReach(ctx, "the claim is about to go", func(all []*corev1.PersistentVolumeClaim) bool {
			now := named(all, "c")
			return now == nil || now.DeletionTimestamp != nil
		})
		pvcs.MustNever(ctx, "the claim goes while a pod uses it", func(all []*corev1.PersistentVolumeClaim) bool { return named(all, "c") == nil }, Quiet)
		f.Delete(ctx, user, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		f.LetGo(ctx, user)
		pvcs.MustReach(ctx, "the claim is gone", func(all []*corev1.PersistentVolumeClaim) bool { return named(all, "c") == nil })
	})

	f.It("storage/unused", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		f.Create(ctx, claim("c", own, "1Gi"))
		pvcs.MustReach(ctx, "the claim is unused", unused(corev1.ConditionTrue))
		user := withVolume("user", ofClaim("c"))
		f.Create(ctx, user)
		pvcs.MustReach(ctx, "the claim is used by a pod that waits for a node", unused(corev1.ConditionFalse))
		f.Patch(ctx, user, `{"status":{"phase":"Failed"}}`, "status")
		pvcs.MustReach(ctx, "the claim is unused since its pod has ended", unused(corev1.ConditionTrue))
		another := withVolume("another", ofClaim("c"))
		f.Create(ctx, another)
		pvcs.MustReach(ctx, "the claim is used by another pod", unused(corev1.ConditionFalse))
		f.Delete(ctx, another, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		pvcs.MustReach(ctx, "the claim is unused since its pod is gone", unused(corev1.ConditionTrue))
	})

	f.It("storage/expansion-forbidden", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		v := volume(f, "a", own, "1Gi")
		f.CreateForCluster(ctx, v)
		c := claim("c", own, "1Gi")
		f.Create(ctx, c)
		pvcs.MustReach(ctx, "the claim is Bound", boundTo("c", v))
		err := f.TryEdit(ctx, c, func() { c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi") })
		MustRefuse(err, http.StatusForbidden)
	})

	f.It("storage/ephemeral-claim", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		user := withVolume("user", corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"made": "for-a-pod"}}, Spec: claim("", own, "1Gi").Spec}}})
		f.Create(ctx, user)
		made := named(pvcs.MustReach(ctx, "the claim of the pod's volume exists", func(all []*corev1.PersistentVolumeClaim) bool { return named(all, "user-data") != nil }), "user-data")
		Expect(metav1.IsControlledBy(made, user)).To(BeTrue(), "the claim is owned by the pod")
		Expect(made.Labels).To(HaveKeyWithValue("made", "for-a-pod"))
		Expect(made.Spec.StorageClassName).To(HaveValue(Equal(own)))
		f.Delete(ctx, user)
		pvcs.MustReach(ctx, "the claim has gone with the pod", func(all []*corev1.PersistentVolumeClaim) bool { return named(all, "user-data") == nil })
	})

	f.It("storage/ephemeral-conflict", func(ctx SpecContext) {
		own := immediate(ctx, f)
		pvcs := claims(ctx, f)
		foreign := claim("user-data", own, "1Gi")
		f.Create(ctx, foreign)
		pvcs.MustReach(ctx, "the claim exists", is("user-data", func(*corev1.PersistentVolumeClaim) bool { return true }))
		user := withVolume("user", corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: claim("", own, "1Gi").Spec}}})
		user.Spec.NodeSelector = nil // a node would take it
		pods := f.WatchPod(ctx, "user")
		f.Create(ctx, user)
		f.WaitEvent(ctx, user, "FailedBinding", "FailedScheduling", "FailedMount")
		pods.MustNever(ctx, "the pod runs", func(all []*corev1.Pod) bool { return len(all) > 0 && Running(all[0]) }, Quiet)
		pvcs.MustNever(ctx, "the claim becomes the pod's", func(all []*corev1.PersistentVolumeClaim) bool {
			c := named(all, "user-data")
			return c == nil || c.UID != foreign.UID || len(c.OwnerReferences) > 0
		}, Quiet)
	})
})
