package cronjob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in events and logs.
const Name = "cronjob-controller"

const (
	// longestSleep bounds how late a start can be after the machine has slept or
	// its clock was put forward: timers do not notice either.
	longestSleep = 10 * time.Minute
)

// Controller starts Jobs on schedule.
type Controller struct {
	client     kubernetes.Interface
	cronJobs   batchlisters.CronJobLister
	jobsOf     func(owner metav1.Object) []*batchv1.Job
	events     record.EventRecorder
	jobWrites  *controller.Writes
	selfWrites *controller.Writes // to CronJobs
	told       remarks
	queue      *controller.Queue
	synced     []cache.InformerSynced
	now        func() time.Time
}

// New returns the controller of CronJobs.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	cronJobs, jobs := shared.Batch().V1().CronJobs(), shared.Batch().V1().Jobs()
	c := &Controller{
		client:     client,
		cronJobs:   cronJobs.Lister(),
		jobsOf:     controller.ByController[*batchv1.Job](jobs.Informer()),
		events:     events,
		jobWrites:  controller.NewWrites(jobs.Informer().GetStore()),
		selfWrites: controller.NewWrites(cronJobs.Informer().GetStore()),
		queue:      controller.NewQueue(Name),
		now:        time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*batchv1.CronJob](cronJobs.Informer(), c.queue),
		controller.Watch(jobs.Informer(), c.jobChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// jobChanged queues the CronJobs that control the Job, now and before.
func (c *Controller) jobChanged(before, now *batchv1.Job) {
	for _, job := range []*batchv1.Job{before, now} {
		if job == nil {
			continue
		}
		if key, ok := controller.ControllerKey(job, kind.GroupKind()); ok {
			c.queue.Add(key)
		}
	}
}

// Reconcile starts a Job if one is due, reports what runs, and clears away what
// ended long ago. It asks to be called again when the schedule comes next.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	// Asked before anything is read: what is read after that can only be newer than one's writes.
	if !c.selfWrites.Seen(key) || !c.jobWrites.Seen(key) {
		return controller.StaleCache, nil
	}
	cj, err := c.cronJobs.CronJobs(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.told.forget(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	jobs, err := c.jobs(ctx, cj)
	if err != nil {
		return 0, err
	}
	now := c.now()
	d := plan(cj, jobs, now)
	for _, said := range c.told.fresh(key, cj.UID, d.remarks) {
		c.tell(cj, said)
	}
	if err := c.apply(ctx, cj, &d); err != nil {
		return 0, err
	}
	if d.next.IsZero() {
		return 0, nil
	}
	return min(max(d.next.Sub(now), time.Millisecond), longestSleep), nil
}

// jobs returns the Jobs of the CronJob, in the order of their names. One that
// the status counts as active may be missing from a cache that lags behind, so
// it is looked for.
func (c *Controller) jobs(ctx context.Context, cj *batchv1.CronJob) ([]*batchv1.Job, error) {
	jobs := slices.DeleteFunc(c.jobsOf(cj), func(job *batchv1.Job) bool { return !metav1.IsControlledBy(job, cj) })
	for _, ref := range cj.Status.Active {
		if slices.ContainsFunc(jobs, func(job *batchv1.Job) bool { return job.UID == ref.UID }) {
			continue
		}
		job, err := c.client.BatchV1().Jobs(cj.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("looking for the active Job %s: %w", ref.Name, err)
		case job.UID == ref.UID && metav1.IsControlledBy(job, cj):
			jobs = append(jobs, job)
		}
	}
	slices.SortFunc(jobs, func(a, b *batchv1.Job) int { return strings.Compare(a.Name, b.Name) })
	return jobs, nil
}

// apply carries the decision out. The status is written before any Job is
// cleared away that it would otherwise be learned from.
func (c *Controller) apply(ctx context.Context, cj *batchv1.CronJob, d *decision) error {
	startErr := c.start(ctx, cj, d)
	if err := c.writeStatus(ctx, cj, d); err != nil {
		return errors.Join(startErr, err)
	}
	for _, job := range d.surplus {
		startErr = errors.Join(startErr, c.remove(ctx, cj, job))
	}
	return startErr
}

// start makes the Job that is due, after the end of those that it replaces.
func (c *Controller) start(ctx context.Context, cj *batchv1.CronJob, d *decision) error {
	for _, job := range d.replace {
		if err := c.remove(ctx, cj, job); err != nil {
			return err
		}
		removeActive(&d.status, job)
	}
	if d.start.IsZero() {
		return nil
	}
	job, err := c.create(ctx, cj, newJob(cj, d.start))
	if err != nil || job == nil {
		return err
	}
	if finished(job) == "" && !isActive(&d.status, job) {
		d.status.Active = append(d.status.Active, reference(job))
	}
	d.status.LastScheduleTime = &metav1.Time{Time: d.start}
	return nil
}

// create makes the Job and returns it; or the one that has its name already if
// that is the CronJob's. It returns nil if the name is another's.
func (c *Controller) create(ctx context.Context, cj *batchv1.CronJob, job *batchv1.Job) (*batchv1.Job, error) {
	made, err := c.client.BatchV1().Jobs(job.Namespace).Create(ctx, job, metav1.CreateOptions{})
	switch {
	case err == nil:
		c.jobWrites.Wrote(controller.Key(cj), made)
		c.tell(cj, event{corev1.EventTypeNormal, "SuccessfulCreate", "Created job " + made.Name})
		return made, nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, err // nobody is left to be told
	case !apierrors.IsAlreadyExists(err):
		c.tell(cj, event{corev1.EventTypeWarning, "FailedCreate", fmt.Sprintf("Error creating job: %v", err)})
		return nil, err
	}
	there, err := c.client.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
	if err != nil || !metav1.IsControlledBy(there, cj) {
		return nil, err
	}
	return there, nil
}

func (c *Controller) writeStatus(ctx context.Context, cj *batchv1.CronJob, d *decision) error {
	if equality.Semantic.DeepEqual(cj.Status, d.status) {
		return nil
	}
	changed := cj.DeepCopy()
	changed.Status = d.status
	updated, err := c.client.BatchV1().CronJobs(cj.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("updating the status of CronJob %s: %w", controller.Key(cj), err)
	}
	c.selfWrites.Wrote(controller.Key(cj), updated)
	for _, said := range d.news {
		c.tell(cj, said)
	}
	return nil
}

// remove deletes the Job, and in the background its pods.
func (c *Controller) remove(ctx context.Context, cj *batchv1.CronJob, job *batchv1.Job) error {
	if job.DeletionTimestamp != nil {
		return nil
	}
	err := c.client.BatchV1().Jobs(job.Namespace).Delete(ctx, job.Name, metav1.DeleteOptions{
		Preconditions:     metav1.NewUIDPreconditions(string(job.UID)),
		PropagationPolicy: new(metav1.DeletePropagationBackground),
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		c.tell(cj, event{corev1.EventTypeWarning, "FailedDelete", fmt.Sprintf("Deleted job: %v", err)})
		return err
	}
	c.jobWrites.Deleted(controller.Key(cj), job)
	c.tell(cj, event{corev1.EventTypeNormal, "SuccessfulDelete", "Deleted job " + job.Name})
	return nil
}

func (c *Controller) tell(cj *batchv1.CronJob, said event) {
	c.events.Event(cj, said.kind, said.reason, said.message)
}
