package resourceclaim

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	byOwner    = "resource-claims-by-owner" // by the uid of the pod that they were made for
	byClaim    = "pods-by-resource-claim"   // by the claims that they name
	byTemplate = "pods-by-resource-claim-template"
)

var claimIndexes = cache.Indexers{
	byOwner: controller.IndexBy(func(claim *resourcev1.ResourceClaim) []string {
		if owner := metav1.GetControllerOfNoCopy(claim); owner != nil && owner.Kind == "Pod" {
			return []string{string(owner.UID)}
		}
		return nil
	}),
}

var podIndexes = cache.Indexers{
	byClaim: controller.IndexBy(func(pod *corev1.Pod) []string {
		var keys []string
		for _, name := range statuses(pod) {
			keys = append(keys, pod.Namespace+"/"+name)
		}
		for i := range pod.Spec.ResourceClaims {
			if name := pod.Spec.ResourceClaims[i].ResourceClaimName; name != nil {
				keys = append(keys, pod.Namespace+"/"+*name)
			}
		}
		return keys
	}),
	byTemplate: controller.IndexBy(func(pod *corev1.Pod) []string {
		var keys []string
		for i := range pod.Spec.ResourceClaims {
			if name := pod.Spec.ResourceClaims[i].ResourceClaimTemplateName; name != nil {
				keys = append(keys, pod.Namespace+"/"+*name)
			}
		}
		return keys
	}),
}

func (c *Controller) addPod(pod *corev1.Pod) {
	c.queue.Add(types.NamespacedName{Namespace: pod.Namespace, Name: podPrefix + pod.Name})
}

func (c *Controller) addClaim(claim *resourcev1.ResourceClaim) {
	c.queue.Add(types.NamespacedName{Namespace: claim.Namespace, Name: claimPrefix + claim.Name})
}

// podChanged looks at a pod with claims, and at its claims when it is done or names them anew.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	pod := controller.Either(before, now)
	if len(pod.Spec.ResourceClaims) == 0 && pod.Status.ExtendedResourceClaimStatus == nil {
		return
	}
	if now != nil && !done(now) {
		c.addPod(now)
		if before == nil || maps.Equal(statuses(before), statuses(now)) {
			return
		}
	}
	for _, claim := range controller.Indexed[*resourcev1.ResourceClaim](c.claims, byOwner, string(pod.UID)) {
		c.addClaim(claim)
	}
	for _, claim := range c.reserved(pod.UID) {
		c.addClaim(claim)
	}
}

// claimChanged looks at the claim, and at the pods that name it or that it was made for.
func (c *Controller) claimChanged(before, now *resourcev1.ResourceClaim) {
	claim := controller.Either(before, now)
	c.addClaim(claim)
	for _, pod := range controller.Indexed[*corev1.Pod](c.podIndex, byClaim, claim.Namespace+"/"+claim.Name) {
		c.addPod(pod)
	}
	if owner := metav1.GetControllerOfNoCopy(claim); owner != nil && owner.Kind == "Pod" {
		c.queue.Add(types.NamespacedName{Namespace: claim.Namespace, Name: podPrefix + owner.Name})
	}
}

// templateChanged looks at the pods that wait for a template which has come.
func (c *Controller) templateChanged(before, now *resourcev1.ResourceClaimTemplate) {
	if before != nil {
		return // a template does not change
	}
	for _, pod := range controller.Indexed[*corev1.Pod](c.podIndex, byTemplate, now.Namespace+"/"+now.Name) {
		c.addPod(pod)
	}
}
