package storageprotection

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/ephemeral"

	"github.com/etalon-dev/etalon/reference/admission/storageobjectinuseprotection"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// ClaimsName is the name of the controller of claims.
const ClaimsName = "persistentvolumeclaim-protection-controller"

// Claims protects the PersistentVolumeClaims that a pod uses.
func Claims(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller[*corev1.PersistentVolumeClaim] {
	claims, pods := shared.Core().V1().PersistentVolumeClaims(), shared.Core().V1().Pods()
	lister, podsOf := claims.Lister(), controller.PodsByClaim(pods.Informer())
	c := &Controller[*corev1.PersistentVolumeClaim]{
		finalizer: storageobjectinuseprotection.ClaimFinalizer,
		queue:     controller.NewQueue(ClaimsName),
		get: func(key types.NamespacedName) (*corev1.PersistentVolumeClaim, error) {
			return lister.PersistentVolumeClaims(key.Namespace).Get(key.Name)
		},
		update: func(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
			_, err := client.CoreV1().PersistentVolumeClaims(claim.Namespace).Update(ctx, claim, metav1.UpdateOptions{})
			return err
		},
		inUse: func(ctx context.Context, claim *corev1.PersistentVolumeClaim) (bool, error) {
			if anyUses(podsOf(controller.Key(claim)), claim) {
				return true, nil
			}
			// The informer may lag behind; the finalizer cannot be put back.
			list, err := client.CoreV1().Pods(claim.Namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return true, err
			}
			for i := range list.Items {
				if uses(&list.Items[i], claim) {
					return true, nil
				}
			}
			return false, nil
		},
		tell: func(ctx context.Context, claim *corev1.PersistentVolumeClaim) (bool, error) {
			told, changed := withUnused(claim, podsOf(controller.Key(claim)), metav1.Now())
			if !changed {
				return false, nil
			}
			_, err := client.CoreV1().PersistentVolumeClaims(claim.Namespace).UpdateStatus(ctx, told, metav1.UpdateOptions{})
			if apierrors.IsNotFound(err) {
				return true, nil
			}
			return true, err
		},
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.PersistentVolumeClaim](claims.Informer(), c.queue),
		controller.Watch(pods.Informer(), func(before, now *corev1.Pod) {
			if before != nil && now != nil && now.Status.Phase == before.Status.Phase && now.Spec.NodeName == before.Spec.NodeName {
				return // only a pod that comes, ends or goes takes up a claim or sets it free
			}
			for _, claim := range controller.ClaimsOf(controller.Either(before, now)) {
				c.queue.Add(claim)
			}
		}),
	}
	return c
}

func anyUses(pods []*corev1.Pod, claim *corev1.PersistentVolumeClaim) bool {
	for _, pod := range pods {
		if uses(pod, claim) {
			return true
		}
	}
	return false
}

// uses tells whether the pod keeps the claim. One that is on no node does not: no kubelet will start
// it with a claim that is being deleted. A generic ephemeral volume is needed only until the pod ends.
func uses(pod *corev1.Pod, claim *corev1.PersistentVolumeClaim) bool {
	if pod.Spec.NodeName == "" {
		return false
	}
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		switch {
		case v.PersistentVolumeClaim != nil:
			if v.PersistentVolumeClaim.ClaimName == claim.Name {
				return true
			}
		case v.Ephemeral != nil && !ended:
			if ephemeral.VolumeClaimName(pod, v) == claim.Name && ephemeral.VolumeIsForPod(pod, claim) == nil {
				return true
			}
		}
	}
	return false
}
