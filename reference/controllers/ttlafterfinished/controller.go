package ttlafterfinished

import (
	"context"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in logs.
const Name = "ttl-after-finished-controller"

// longestSleep bounds how late a deletion can be after the machine has slept or
// its clock was put forward: timers do not notice either.
const longestSleep = time.Hour

// Controller deletes Jobs whose time is over.
type Controller struct {
	client kubernetes.Interface
	jobs   batchlisters.JobLister
	queue  *controller.Queue
	synced []cache.InformerSynced
	now    func() time.Time
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller {
	jobs := shared.Batch().V1().Jobs()
	c := &Controller{client: client, jobs: jobs.Lister(), queue: controller.NewQueue(Name), now: time.Now}
	c.synced = []cache.InformerSynced{controller.Watch(jobs.Informer(), func(_, now *batchv1.Job) {
		if now != nil {
			if _, ends := expiry(now); ends {
				c.queue.Add(controller.Key(now))
			}
		}
	})}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile deletes the Job if its time is over, or asks to be called again when
// it is.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	job, err := c.jobs.Jobs(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if wait, ok := c.left(job); !ok || wait > 0 {
		return wait, nil
	}
	job, err = c.client.BatchV1().Jobs(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if wait, ok := c.left(job); !ok || wait > 0 {
		return wait, nil
	}
	err = c.client.BatchV1().Jobs(key.Namespace).Delete(ctx, key.Name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &job.UID, ResourceVersion: &job.ResourceVersion},
		PropagationPolicy: new(metav1.DeletePropagationForeground),
	})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	return 0, err
}

// left says how long to wait before the Job may be due: zero if it is due now.
// Not ok if it does not expire.
func (c *Controller) left(job *batchv1.Job) (time.Duration, bool) {
	at, ok := expiry(job)
	if !ok {
		return 0, false
	}
	return min(max(at.Sub(c.now()), 0), longestSleep), true
}
