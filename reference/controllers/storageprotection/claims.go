package storageprotection

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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
	lister, podLister := claims.Lister(), pods.Lister()
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
			known, err := podLister.Pods(claim.Namespace).List(labels.Everything())
			if err != nil || anyUses(known, claim) {
				return true, err
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
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.PersistentVolumeClaim](claims.Informer(), c.queue),
		controller.Watch(pods.Informer(), func(before, now *corev1.Pod) {
			if before == nil || now != nil && now.Status.Phase == before.Status.Phase {
				return // only a pod that ends or goes sets a claim free
			}
			for _, name := range claimNames(before) {
				c.queue.Add(types.NamespacedName{Namespace: before.Namespace, Name: name})
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

func claimNames(pod *corev1.Pod) []string {
	var names []string
	for i := range pod.Spec.Volumes {
		switch v := &pod.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, ephemeral.VolumeClaimName(pod, v))
		}
	}
	return names
}
