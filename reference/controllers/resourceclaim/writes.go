package resourceclaim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// name writes the generated claims into the pod's status, beside those that stand there.
func (c *Controller) name(ctx context.Context, key types.NamespacedName, pod *corev1.Pod, news map[string]string) error {
	var entries []corev1.PodResourceClaimStatus
	for _, entry := range slices.Sorted(maps.Keys(news)) {
		claim := news[entry]
		entries = append(entries, corev1.PodResourceClaimStatus{Name: entry, ResourceClaimName: &claim})
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": map[string]any{"resourceClaimStatuses": entries}})
	if err != nil {
		return err
	}
	updated, err := c.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("naming the claims of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	c.podWrites.Wrote(key, updated)
	return nil
}

// updateStatus returns the claim as it is then; nil if it is gone.
func (c *Controller) updateStatus(ctx context.Context, key types.NamespacedName, claim *resourcev1.ResourceClaim) (*resourcev1.ResourceClaim, error) {
	updated, err := c.client.ResourceV1().ResourceClaims(claim.Namespace).UpdateStatus(ctx, claim, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("updating the status of claim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	c.writes.Wrote(key, updated)
	return updated, nil
}

// letGo takes the finalizer off: nothing is allocated that would have to be given back first.
func (c *Controller) letGo(ctx context.Context, key types.NamespacedName, claim *resourcev1.ResourceClaim) error {
	free := claim.DeepCopy()
	free.Finalizers = slices.DeleteFunc(free.Finalizers, func(f string) bool { return f == resourcev1.Finalizer })
	updated, err := c.client.ResourceV1().ResourceClaims(claim.Namespace).Update(ctx, free, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("letting go of claim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	c.writes.Wrote(key, updated)
	return nil
}
