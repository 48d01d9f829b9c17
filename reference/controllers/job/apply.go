package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// carryOut deletes and creates what was decided.
func (c *Controller) carryOut(ctx context.Context, v *view, d decision, notes *notes) (outcome, error) {
	key := controller.Key(v.job)
	out := outcome{gone: map[types.UID]bool{}, stripped: map[types.UID]bool{}}
	dropped, dropErr := c.stripAll(ctx, key, tracked(d.drop), dropPatch)
	var going []*corev1.Pod
	for _, pod := range d.drop {
		if dropped[pod.UID] || !isTracked(pod) {
			out.stripped[pod.UID] = true
			going = append(going, pod)
		}
	}
	var mu sync.Mutex
	going = append(going, d.stop...)
	errs := controller.Together(len(going), func(i int) error {
		pod := going[i]
		err := c.make.Delete(ctx, v.job, pod)
		if apierrors.IsNotFound(err) {
			return nil // its last event has still to come, and counts it out
		}
		if err != nil {
			return err
		}
		c.podWrites.Deleted(key, pod)
		mu.Lock()
		defer mu.Unlock()
		out.gone[pod.UID] = true
		if controller.IsReady(pod) {
			out.goneReady++
		}
		return nil
	})
	protectErrs := controller.Together(len(d.protect), func(i int) error {
		patch, err := protectPatch(d.protect[i])
		if err != nil {
			return err
		}
		return c.patch(ctx, key, d.protect[i].Name, patch)
	})
	created, barred, createErr := c.create(ctx, v.job, d.create, notes)
	out.created, out.barred = created, barred
	return out, errors.Join(dropErr, errors.Join(errs...), errors.Join(protectErrs...), createErr)
}

func tracked(pods []*corev1.Pod) (list []*corev1.Pod) {
	for _, pod := range pods {
		if isTracked(pod) {
			list = append(list, pod)
		}
	}
	return list
}

// create makes the pods, few at first and more once that has gone well. It is barred from that when the namespace
// goes away: no pod can ever be made there again.
func (c *Controller) create(ctx context.Context, job *batchv1.Job, list []creation, notes *notes) (made int, barred bool, err error) {
	key := controller.Key(job)
	var next, created atomic.Int64
	var terminating atomic.Bool
	_, err = controller.SlowStart(ctx, len(list), func(ctx context.Context) error {
		wanted := list[next.Add(1)-1]
		pod := newPod(job, wanted)
		try := notes.next(pod.GenerateName, wanted.index)
		pod.Name = try.name
		made, err := c.make.CreatePod(ctx, job, pod)
		if apierrors.IsAlreadyExists(err) {
			if made, err = c.existing(ctx, job, pod.Name); err == nil && made == nil {
				return fmt.Errorf("pod %s/%s is not of Job %s; another name will do", job.Namespace, pod.Name, job.Name)
			}
		}
		if err != nil {
			notes.failed(wanted.index, try, isRefused(err), c.now())
			if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
				terminating.Store(true)
				return nil
			}
			return err
		}
		c.podWrites.Wrote(key, made)
		created.Add(1)
		return nil
	})
	return int(created.Load()), terminating.Load(), err
}

// stripAll takes the finalizer off the pods and returns those that are known to be without it. What is gone
// altogether is none of them: the cache has to show that first, or it would be counted again.
func (c *Controller) stripAll(ctx context.Context, key types.NamespacedName, pods []*corev1.Pod, take func(*corev1.Pod) ([]byte, error)) (map[types.UID]bool, error) {
	var mu sync.Mutex
	stripped := make(map[types.UID]bool, len(pods))
	errs := controller.Together(len(pods), func(i int) error {
		patch, err := take(pods[i])
		if err != nil {
			return err
		}
		switch err := c.patch(ctx, key, pods[i].Name, patch); {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return fmt.Errorf("removing the finalizer of pod %s: %w", controller.Key(pods[i]), err)
		}
		mu.Lock()
		defer mu.Unlock()
		stripped[pods[i].UID] = true
		return nil
	})
	return stripped, errors.Join(errs...)
}

func (c *Controller) patch(ctx context.Context, key types.NamespacedName, name string, patch []byte) error {
	pod, err := c.client.CoreV1().Pods(key.Namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err == nil {
		c.podWrites.Wrote(key, pod)
	}
	return err
}

// writeStatus writes the status if it is another, and returns the Job as it is then; nil if it is gone.
func (c *Controller) writeStatus(ctx context.Context, job *batchv1.Job, status batchv1.JobStatus) (*batchv1.Job, error) {
	if equality.Semantic.DeepEqual(job.Status, status) {
		return job, nil
	}
	changed := *job
	changed.Status = status
	updated, err := c.client.BatchV1().Jobs(job.Namespace).UpdateStatus(ctx, &changed, metav1.UpdateOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("updating the status of Job %s: %w", controller.Key(job), err)
	}
	c.jobWrites.Wrote(controller.Key(job), updated)
	return updated, nil
}

func (c *Controller) tellSuspension(job *batchv1.Job, event string) {
	switch event {
	case suspendedEvent:
		c.events.Event(job, corev1.EventTypeNormal, event, suspendedMessage)
	case resumedEvent:
		c.events.Event(job, corev1.EventTypeNormal, event, resumedMessage)
	}
}

func (c *Controller) tellEnd(job *batchv1.Job, last *batchv1.JobCondition) {
	if last.Type == batchv1.JobFailed {
		c.events.Event(job, corev1.EventTypeWarning, last.Reason, last.Message)
		return
	}
	if wanted := job.Spec.Completions; wanted != nil && job.Status.Succeeded > *wanted {
		c.events.Event(job, corev1.EventTypeWarning, tooManyEvent, tooManyMessage)
	}
	c.events.Event(job, corev1.EventTypeNormal, completedEvent, completedMessage)
}
