package job

import (
	"context"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// mayStillCome is how long an API server works on a request at most. A creation that has not been answered, and
// has not happened by then, never will.
const mayStillCome = time.Minute

// A Job must not end while it is not known whether a pod of it exists: nobody would count or stop it.

// recall forgets those unanswered creations of which the cache shows what became of them.
func (c *Controller) recall(job *batchv1.Job, notes *notes) {
	notes.keep(func(a attempt) bool {
		_, err := c.pods.Pods(job.Namespace).Get(a.name)
		return err != nil
	})
}

// inquire asks the API server what has become of the unanswered creations. It returns whether there is a pod that
// the cache has still to show, and how long some other may still come; zero if none can.
func (c *Controller) inquire(ctx context.Context, job *batchv1.Job, notes *notes) (found bool, wait time.Duration, err error) {
	notes.keep(func(a attempt) bool {
		if err != nil {
			return true
		}
		var pod *corev1.Pod
		asked := c.now()
		if pod, err = c.existing(ctx, job, a.name); err != nil {
			return true
		}
		if pod != nil {
			c.podWrites.Wrote(controller.Key(job), pod)
			found = true
			return false
		}
		left := a.at.Add(mayStillCome).Sub(asked)
		if left > 0 {
			wait = max(wait, left)
		}
		return left > 0
	})
	return found, wait, err
}

// existing reads the pod of that name; nil if there is none, or if it is not the Job's.
func (c *Controller) existing(ctx context.Context, job *batchv1.Job, name string) (*corev1.Pod, error) {
	list, err := c.client.CoreV1().Pods(job.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String(),
	})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		if pod := &list.Items[i]; pod.Name == name && metav1.IsControlledBy(pod, job) {
			return pod, nil
		}
	}
	return nil, nil
}

// isRefused reports whether the error says for sure that nothing was created.
func isRefused(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonUnauthorized, metav1.StatusReasonForbidden, metav1.StatusReasonNotFound, metav1.StatusReasonConflict,
		metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonMethodNotAllowed, metav1.StatusReasonNotAcceptable,
		metav1.StatusReasonRequestEntityTooLarge, metav1.StatusReasonUnsupportedMediaType, metav1.StatusReasonTooManyRequests:
		return true
	}
	return false
}
