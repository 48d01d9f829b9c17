package daemonset

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/revisions"
)

// Name is the controller's name in events and logs.
const Name = "daemonset-controller"

var kind = appsv1.SchemeGroupVersion.WithKind("DaemonSet")

// Controller keeps a pod of each DaemonSet on each node that should run one.
type Controller struct {
	client  kubernetes.Interface
	sets    appslisters.DaemonSetLister
	nodes   corelisters.NodeLister
	podsOf  func(set metav1.Object) []*corev1.Pod // and the orphans of its namespace
	history *revisions.Store
	make    controller.Pods
	events  record.EventRecorder
	writes  *controller.Writes // of pods
	backoff *backoff
	queue   *controller.Queue
	synced  []cache.InformerSynced
	now     func() time.Time
}

// New returns the controller of DaemonSets.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	sets, nodes, pods := shared.Apps().V1().DaemonSets(), shared.Core().V1().Nodes(), shared.Core().V1().Pods()
	c := &Controller{
		client:  client,
		sets:    sets.Lister(),
		nodes:   nodes.Lister(),
		podsOf:  controller.ByController[*corev1.Pod](pods.Informer()),
		history: revisions.NewStore(client, shared.Apps().V1().ControllerRevisions()),
		make:    controller.Pods{Client: client, Events: events},
		events:  events,
		writes:  controller.NewWrites(pods.Informer().GetStore()),
		backoff: newBackoff(),
		queue:   controller.NewQueue(Name),
		now:     time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*appsv1.DaemonSet](sets.Informer(), c.queue),
		controller.Watch(nodes.Informer(), c.nodeChanged),
		controller.Watch(pods.Informer(), c.podChanged),
		controller.Watch(shared.Apps().V1().ControllerRevisions().Informer(), c.revisionChanged),
		c.history.Synced,
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile makes and removes pods of the set until each node has those it
// should, and reports in its status what there is.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	// Asked before anything is read: what is read after that can only be newer than one's writes.
	if !c.writes.Seen(key) || !c.history.Seen(key) {
		return controller.StaleCache, nil
	}
	set, err := c.sets.DaemonSets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.backoff.forget(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return 0, fmt.Errorf("selector of DaemonSet %s: %w", key, err)
	}
	if selector.Empty() {
		c.events.Event(set, corev1.EventTypeWarning, "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.")
		return 0, nil
	}
	if set.DeletionTimestamp != nil {
		return 0, nil // its pods are the garbage collector's
	}
	return c.advance(ctx, set, selector)
}

// advance carries out the plan, forgets history that is not needed any more, and
// writes the status.
func (c *Controller) advance(ctx context.Context, set *appsv1.DaemonSet, selector labels.Selector) (time.Duration, error) {
	pods, err := c.claim(ctx, set, selector)
	if err != nil {
		return 0, err
	}
	past, err := c.remember(ctx, set, selector)
	if err != nil {
		return 0, err
	}
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	v := look(set, past.hash, nodes, pods, c.now())
	next := plan(v, func(node string) time.Duration { return c.backoff.wait(controller.Key(set), node, v.now) })
	err = c.apply(ctx, v, next)
	if err == nil {
		err = c.forget(ctx, past, pods)
	}
	status, wait := observe(v)
	status.CollisionCount = past.collisions
	if statusErr := c.writeStatus(ctx, set, status); statusErr != nil {
		return 0, errors.Join(err, statusErr)
	}
	return earlier(next.again, wait), err
}

// earlier is the shorter of two times, of which zero means never.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

func (c *Controller) writeStatus(ctx context.Context, set *appsv1.DaemonSet, status appsv1.DaemonSetStatus) error {
	if equality.Semantic.DeepEqual(set.Status, status) {
		return nil
	}
	changed := set.DeepCopy()
	changed.Status = status
	_, err := c.client.AppsV1().DaemonSets(set.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("updating the status of DaemonSet %s: %w", controller.Key(set), err)
	}
	return nil
}

// claim returns the set's pods, finished and terminating ones included.
func (c *Controller) claim(ctx context.Context, set *appsv1.DaemonSet, selector labels.Selector) ([]*corev1.Pod, error) {
	claimer := controller.Claimer[*corev1.Pod]{
		Owner: set, Kind: kind, Selector: selector, Live: c.live(set),
		Patch: func(ctx context.Context, name string, patch []byte) error {
			pod, err := c.client.CoreV1().Pods(set.Namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
			if err == nil {
				c.writes.Wrote(controller.Key(set), pod)
			}
			return err
		},
	}
	return claimer.Claim(ctx, c.podsOf(set))
}

// live reads the set from the API server.
func (c *Controller) live(set *appsv1.DaemonSet) func(ctx context.Context) (metav1.Object, error) {
	return func(ctx context.Context) (metav1.Object, error) {
		return c.client.AppsV1().DaemonSets(set.Namespace).Get(ctx, set.Name, metav1.GetOptions{})
	}
}
