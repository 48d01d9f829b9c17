package job

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// jobChanged queues the Job. What a Job that has ended, or is gone, leaves behind is let go.
func (c *Controller) jobChanged(before, now *batchv1.Job) {
	c.queue.Add(controller.Key(controller.Either(before, now)))
	if before != nil && (now == nil || now.UID != before.UID) {
		c.letGo(before)
	}
	if now != nil && isFinished(now) {
		c.letGo(now)
	}
}

// letGo queues the pods that wait for the Job to count or adopt them.
func (c *Controller) letGo(job *batchv1.Job) {
	for _, pod := range podsIn(c.indexer, liveOf, string(job.UID)) {
		c.orphaned(pod)
	}
	selector, err := metav1.LabelSelectorAsSelector(job.Spec.Selector)
	if err != nil {
		return
	}
	for _, pod := range podsIn(c.indexer, orphans, job.Namespace) {
		if selector.Matches(labels.Set(pod.Labels)) {
			c.orphaned(pod)
		}
	}
}

// podChanged queues the Jobs that have to do with the pod: its controller, now and before, and for an orphan
// every Job that could adopt it.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	for _, pod := range []*corev1.Pod{before, now} {
		if pod == nil {
			continue
		}
		if job := c.controllerOf(pod); job != nil && !isFinished(job) {
			c.queue.AddAfter(controller.Key(job), gather(job))
		} else if pod == now {
			c.orphaned(pod)
		}
	}
	if now != nil {
		for _, job := range c.adopters(now) {
			c.queue.Add(controller.Key(job))
		}
	}
}

// gather is how long to wait for more events of pods of the Job. A large Job has many at once, and a look at it
// takes time.
func gather(job *batchv1.Job) time.Duration {
	parallelism := ptr.Deref(job.Spec.Parallelism, 1)
	if parallelism <= 20 {
		return 0
	}
	return min(time.Duration(parallelism)*2*time.Millisecond, time.Second)
}

// controllerOf returns the Job that controls the pod, if the cache has it.
func (c *Controller) controllerOf(pod *corev1.Pod) *batchv1.Job {
	key, ok := controller.ControllerKey(pod, kind.GroupKind())
	if !ok {
		return nil
	}
	job, err := c.jobs.Jobs(key.Namespace).Get(key.Name)
	if err != nil || job.UID != metav1.GetControllerOfNoCopy(pod).UID {
		return nil
	}
	return job
}

// adopters are the Jobs that would adopt the pod.
func (c *Controller) adopters(pod *corev1.Pod) (list []*batchv1.Job) {
	if metav1.GetControllerOfNoCopy(pod) != nil || pod.DeletionTimestamp != nil || len(pod.Labels) == 0 {
		return nil
	}
	all, err := c.jobs.Jobs(pod.Namespace).List(labels.Everything())
	if err != nil {
		return nil
	}
	for _, job := range all {
		if isFinished(job) || !isOurs(job) || job.DeletionTimestamp != nil || wasCounted(job, pod) {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(job.Spec.Selector)
		if err == nil && !selector.Empty() && selector.Matches(labels.Set(pod.Labels)) {
			list = append(list, job)
		}
	}
	return list
}

func (c *Controller) orphaned(pod *corev1.Pod) {
	if isTracked(pod) {
		c.orphans.Add(controller.Key(pod))
	}
}
