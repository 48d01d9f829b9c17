package job

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in events and logs.
const Name = "job-controller"

// Controller runs Jobs.
type Controller struct {
	client    kubernetes.Interface
	jobs      batchlisters.JobLister
	pods      corelisters.PodLister
	indexer   cache.Indexer // of pods
	make      controller.Pods
	events    record.EventRecorder
	podWrites *controller.Writes
	jobWrites *controller.Writes
	memory    memory
	queue     *controller.Queue
	orphans   *controller.Queue // of pods whose finalizer may have to go
	synced    []cache.InformerSynced
	now       func() time.Time
}

// New returns the controller of Jobs.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	jobs, pods := shared.Batch().V1().Jobs(), shared.Core().V1().Pods()
	// It fails only if another index has the name, and the names are ours.
	_ = pods.Informer().AddIndexers(indexers)
	c := &Controller{
		client:    client,
		jobs:      jobs.Lister(),
		pods:      pods.Lister(),
		indexer:   pods.Informer().GetIndexer(),
		make:      controller.Pods{Client: client, Events: events},
		events:    events,
		podWrites: controller.NewWrites(pods.Informer().GetStore()),
		jobWrites: controller.NewWrites(jobs.Informer().GetStore()),
		memory:    memory{jobs: map[types.NamespacedName]*notes{}},
		queue:     controller.NewQueue(Name),
		orphans:   controller.NewQueue(Name + "-orphans"),
		now:       time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.Watch(jobs.Informer(), c.jobChanged),
		controller.Watch(pods.Informer(), c.podChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	var running sync.WaitGroup
	running.Go(func() { c.orphans.Run(ctx, workers, c.reconcileOrphan, c.synced...) })
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
	running.Wait()
}

// Reconcile takes the Job's next step and counts the pods that have ended.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	// Asked before anything is read: what is read after that can only be newer than one's writes.
	if !c.seen(key) {
		return controller.StaleCache, nil
	}
	job, err := c.jobs.Jobs(key.Namespace).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, err
	}
	if err != nil || isFinished(job) || !isOurs(job) {
		c.memory.forget(key)
		return 0, nil
	}
	if !knownMode(job) {
		c.events.Event(job, corev1.EventTypeWarning, unknownModeEvent, unknownModeMessage)
		return 0, nil
	}
	notes := c.memory.of(key, job.UID)
	c.recall(job, notes) // before the pods are read: what is forgotten is among them
	pods, err := c.claim(ctx, job)
	if err != nil {
		return 0, err
	}
	if !c.seen(key) { // what it has just claimed
		return controller.StaleCache, nil
	}
	v, err := look(job, pods, c.now())
	if err != nil {
		return 0, err
	}
	if notes.blank {
		pods, notes.blank = podsIn(c.indexer, ofJob, string(job.UID)), false
	}
	notes.past.observe(pods, v.setsBack)
	next, err := c.advance(ctx, key, v, notes)
	if err != nil && next > 0 {
		c.queue.AddAfter(key, next) // a deadline does not wait for back-offs
	}
	return next, err
}

// advance carries out the plan and writes down what the pods have come to.
func (c *Controller) advance(ctx context.Context, key types.NamespacedName, v *view, notes *notes) (time.Duration, error) {
	decided := plan(v, &notes.past)
	if decided.end != nil || decided.enough {
		found, wait, err := c.inquire(ctx, v.job, notes)
		switch {
		case err != nil:
			return 0, err
		case found:
			return controller.StaleCache, nil
		}
		decided.open = wait > 0
		decided.next = sooner(decided.next, wait)
	}
	out, deedErr := c.carryOut(ctx, v, decided, notes)
	a := reckon(v, decided, out)
	job, err := c.writeStatus(ctx, v.job, a.status)
	if err != nil || job == nil {
		return decided.next, errors.Join(deedErr, err)
	}
	c.tellSuspension(job, a.event)
	stripped, stripErr := c.stripAll(ctx, key, a.strip, stripPatch)
	status, ended := a.conclude(job, stripped)
	job, err = c.writeStatus(ctx, job, status)
	if err != nil || job == nil {
		return decided.next, errors.Join(deedErr, stripErr, err)
	}
	if ended {
		c.tellEnd(job, a.final)
	}
	return decided.next, errors.Join(deedErr, stripErr)
}

// seen reports whether the caches show all that was written on behalf of the Job.
func (c *Controller) seen(key types.NamespacedName) bool {
	pods, jobs := c.podWrites.Seen(key), c.jobWrites.Seen(key)
	return pods && jobs
}

// claim returns the pods of the Job that run or are still to be counted.
func (c *Controller) claim(ctx context.Context, job *batchv1.Job) ([]*corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(job.Spec.Selector)
	if err != nil {
		return nil, err
	}
	key := controller.Key(job)
	claimer := controller.Claimer[*corev1.Pod]{
		Owner: job, Kind: kind, Selector: selector, Finalizer: batchv1.JobTrackingFinalizer,
		Live: func(ctx context.Context) (metav1.Object, error) {
			return c.client.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
		},
		Patch: func(ctx context.Context, name string, patch []byte) error { return c.patch(ctx, key, name, patch) },
	}
	free := slices.DeleteFunc(podsIn(c.indexer, orphans, job.Namespace), func(pod *corev1.Pod) bool { return wasCounted(job, pod) })
	return claimer.Claim(ctx, append(podsIn(c.indexer, liveOf, string(job.UID)), free...))
}

// wasCounted reports whether the pod was made for this very Job and has been let go of since it ended. Whoever took
// it from the Job, it must not be adopted: it would count once more.
func wasCounted(job *batchv1.Job, pod *corev1.Pod) bool {
	return controller.IsFinished(pod) && !isTracked(pod) && pod.Labels[batchv1.ControllerUidLabel] == string(job.UID)
}

func isOurs(job *batchv1.Job) bool {
	return job.Spec.ManagedBy == nil || *job.Spec.ManagedBy == batchv1.JobControllerName
}

func knownMode(job *batchv1.Job) bool {
	return job.Spec.CompletionMode == nil || *job.Spec.CompletionMode == batchv1.NonIndexedCompletion || isIndexed(job)
}
