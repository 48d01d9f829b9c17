package job

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// reconcileOrphan takes the finalizer off a pod that no Job will ever count: its Job is gone or has ended, and no
// other would adopt it.
func (c *Controller) reconcileOrphan(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	pod, err := c.pods.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil || !isTracked(pod) {
		return 0, err
	}
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil {
		owner, ok := controller.ControllerKey(pod, kind.GroupKind())
		if !ok {
			return 0, nil // another controller's, and so is the finalizer then
		}
		if job := c.controllerOf(pod); job != nil {
			if !isFinished(job) || !isOurs(job) {
				return 0, nil
			}
		} else if gone, err := c.isGone(ctx, owner, ref.UID); err != nil || !gone {
			return controller.StaleCache, err
		}
	} else if len(c.adopters(pod)) > 0 {
		return 0, nil
	}
	// Only as it was seen: a Job may have adopted it since, and count on the finalizer.
	patch, err := dropPatch(pod)
	if err != nil {
		return 0, err
	}
	_, err = c.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("removing the finalizer of orphan %s: %w", key, err)
	}
	return 0, nil
}

// isGone asks the API server whether the Job is: the cache may just be behind.
func (c *Controller) isGone(ctx context.Context, key types.NamespacedName, uid types.UID) (bool, error) {
	job, err := c.client.BatchV1().Jobs(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return err == nil && job.UID != uid, err
}
