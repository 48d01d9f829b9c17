package replicas

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Controller keeps the number of pods that the sets of one kind ask for.
type Controller struct {
	kind   Kind
	client kubernetes.Interface
	// podsOf are the pods that a set controls, and those that it could adopt.
	podsOf func(set metav1.Object) []*corev1.Pod
	make   controller.Pods
	writes *controller.Writes // to pods
	told   *controller.Writes // to the sets' statuses
	drafts *controller.Drafts[Status]
	queue  *controller.Queue
	synced []cache.InformerSynced
	now    func() time.Time
}

// New returns the controller of the kind's sets. The name is that of the
// controller in events and logs.
func New(name string, kind Kind, client kubernetes.Interface, pods coreinformers.PodInformer, events record.EventRecorder) *Controller {
	c := &Controller{
		kind:   kind,
		client: client,
		podsOf: controller.ByController[*corev1.Pod](pods.Informer()),
		make:   controller.Pods{Client: client, Events: events},
		writes: controller.NewWrites(pods.Informer().GetStore()),
		told:   controller.NewWrites(kind.Informer().GetStore()),
		drafts: controller.NewDrafts[Status](),
		queue:  controller.NewQueue(name),
		now:    time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.Watch(pods.Informer(), c.podChanged),
		c.watchSets(),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile creates or deletes pods of the set until there are as many as it
// asks for, and reports in its status what there is.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	// Asked before the caches are read, which may be brought up to date at any moment.
	seen := c.writes.Seen(key) && c.told.Seen(key)
	set, err := c.kind.Get(key)
	if apierrors.IsNotFound(err) {
		c.drafts.Drop(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	// A status written from an old version of the set would only be refused.
	if !seen {
		return controller.StaleCache, nil
	}
	pods, err := c.claim(ctx, set)
	if err != nil {
		return 0, err
	}
	status, next := observe(set, pods, c.now())
	if !c.kind.Terminating() {
		status.TerminatingReplicas = nil
	}
	var acted bool
	var manageErr error
	if set.Object.GetDeletionTimestamp() == nil {
		acted, manageErr = c.manage(ctx, set, pods)
		status.Failure = failure(set.Status.Failure, int(set.Replicas), int(status.Replicas), manageErr, c.now())
	}
	wait, err := c.tell(ctx, set, status, acted)
	if err != nil {
		return 0, errors.Join(manageErr, err)
	}
	if wait > 0 && (next == 0 || wait < next) {
		next = wait
	}
	return next, manageErr
}

// tell writes the status if it is news that cannot wait for more; otherwise it
// says when to come back.
func (c *Controller) tell(ctx context.Context, set *Set, status Status, acted bool) (time.Duration, error) {
	key := set.Key()
	if !status.equal(set.Status) {
		if most := patience(set, status, acted); most > 0 {
			if wait := c.drafts.Keep(set.Object, status, most); wait > 0 {
				return wait, nil
			}
		}
		switch updated, err := c.kind.UpdateStatus(ctx, set, status); {
		case err == nil:
			c.told.Wrote(key, updated)
		case !apierrors.IsNotFound(err):
			return 0, fmt.Errorf("updating the status of %s %s: %w", c.kind.GVK().Kind, key, err)
		}
	}
	c.drafts.Drop(key)
	return 0, nil
}

// claim returns the pods of the set, finished and terminating ones included.
func (c *Controller) claim(ctx context.Context, set *Set) ([]*corev1.Pod, error) {
	// A finished pod is not worth adopting or releasing.
	var candidates []*corev1.Pod
	for _, pod := range c.podsOf(set.Object) {
		if !controller.IsFinished(pod) {
			candidates = append(candidates, pod)
		}
	}
	claimer := controller.Claimer[*corev1.Pod]{
		Owner:    set.Object,
		Kind:     c.kind.GVK(),
		Selector: set.Selector,
		Live:     func(ctx context.Context) (metav1.Object, error) { return c.kind.Live(ctx, set.Key()) },
		Patch: func(ctx context.Context, name string, patch []byte) error {
			pod, err := c.client.CoreV1().Pods(set.Object.GetNamespace()).
				Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
			if err == nil {
				c.writes.Wrote(set.Key(), pod)
			}
			return err
		},
	}
	return claimer.Claim(ctx, candidates)
}

// manage carries out the plan, and says whether it asked for anything to be done.
func (c *Controller) manage(ctx context.Context, set *Set, pods []*corev1.Pod) (acted bool, err error) {
	active := activeOnly(pods)
	related := active
	if len(active) > int(set.Replicas) {
		related = c.related(set, active) // only who goes first depends on them
	}
	decided := plan(int(set.Replicas), active, related, c.now())
	if decided.create > 0 {
		return true, c.create(ctx, set, decided.create)
	}
	errs := controller.Together(len(decided.delete), func(i int) error {
		err := c.make.Delete(ctx, set.Object, decided.delete[i])
		if err == nil {
			c.writes.Deleted(set.Key(), decided.delete[i])
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	return len(decided.delete) > 0, errors.Join(errs...)
}

func (c *Controller) create(ctx context.Context, set *Set, count int) error {
	ref := metav1.NewControllerRef(set.Object, c.kind.GVK())
	_, err := controller.SlowStart(ctx, count, func(ctx context.Context) error {
		pod, err := c.make.Create(ctx, set.Object, ref, set.Object.GetNamespace(), set.Template)
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil // no pod can ever be made there again
		}
		if err == nil {
			c.writes.Wrote(set.Key(), pod)
		}
		return err
	})
	return err
}

// related returns the active pods of every set that has the same controller as
// this one; of this one alone if it has none.
func (c *Controller) related(set *Set, own []*corev1.Pod) []*corev1.Pod {
	owner := metav1.GetControllerOfNoCopy(set.Object)
	if owner == nil {
		return own
	}
	sets, err := c.kind.List(set.Object.GetNamespace())
	if err != nil {
		return own
	}
	var related []*corev1.Pod
	for _, other := range sets {
		if ref := metav1.GetControllerOfNoCopy(other.Object); ref == nil || ref.UID != owner.UID {
			continue
		}
		for _, pod := range activeOnly(c.podsOf(other.Object)) {
			if metav1.IsControlledBy(pod, other.Object) {
				related = append(related, pod)
			}
		}
	}
	return related
}

func activeOnly(pods []*corev1.Pod) []*corev1.Pod {
	var active []*corev1.Pod
	for _, pod := range pods {
		if controller.IsActive(pod) {
			active = append(active, pod)
		}
	}
	return active
}
