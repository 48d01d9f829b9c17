package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in events and logs.
const Name = "deployment-controller"

// patience is how long the status of a Deployment may wait for the ReplicaSets that
// have just been resized, which are about to change it again.
const patience = 200 * time.Millisecond

// Controller rolls Deployments out.
type Controller struct {
	client      kubernetes.Interface
	deployments appslisters.DeploymentLister
	sets        appslisters.ReplicaSetLister
	setsOf      func(d metav1.Object) []*appsv1.ReplicaSet // and those that it could adopt
	pods        corelisters.PodLister
	events      record.EventRecorder
	writes      *controller.Writes // to sets
	told        *controller.Writes // to the Deployments themselves
	drafts      *controller.Drafts[*appsv1.DeploymentStatus]
	queue       *controller.Queue
	synced      []cache.InformerSynced
	now         func() time.Time
}

// New returns the controller of Deployments.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	deployments, sets, pods := shared.Apps().V1().Deployments(), shared.Apps().V1().ReplicaSets(), shared.Core().V1().Pods()
	c := &Controller{
		client:      client,
		deployments: deployments.Lister(),
		sets:        sets.Lister(),
		setsOf:      controller.ByController[*appsv1.ReplicaSet](sets.Informer()),
		pods:        pods.Lister(),
		events:      events,
		writes:      controller.NewWrites(sets.Informer().GetStore()),
		told:        controller.NewWrites(deployments.Informer().GetStore()),
		drafts:      controller.NewDrafts[*appsv1.DeploymentStatus](),
		queue:       controller.NewQueue(Name),
		now:         time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*appsv1.Deployment](deployments.Informer(), c.queue),
		controller.Watch(sets.Informer(), c.setChanged),
		controller.Watch(pods.Informer(), c.podChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile takes the Deployment's next step and reports where it stands.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	// Asked before the cache is read, which may be brought up to date at any moment.
	seen := c.writes.Seen(key) && c.told.Seen(key)
	d, err := c.deployments.Deployments(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.drafts.Drop(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	d = d.DeepCopy()
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return 0, fmt.Errorf("selector of Deployment %s: %w", key, err)
	}
	if selector.Empty() {
		return 0, c.refuse(ctx, d)
	}
	// A status written from an old version of the Deployment would only be refused.
	if !seen {
		return controller.StaleCache, nil
	}
	sets, err := c.claim(ctx, d, selector)
	if err != nil {
		return 0, err
	}
	pods, err := c.podsOf(d, sets)
	if err != nil {
		return 0, err
	}
	return c.advance(ctx, d, sets, pods)
}

// advance carries out the plan and writes the status that follows from it.
func (c *Controller) advance(ctx context.Context, d *appsv1.Deployment, sets []*appsv1.ReplicaSet, pods []*corev1.Pod) (time.Duration, error) {
	now := c.now()
	next := plan(d, sets, pods)
	status := c.standing(d)
	collisions := ptr.Deref(status.CollisionCount, 0)
	if d.DeletionTimestamp == nil {
		notePause(status, d, now)
	}
	sets, applyErr := c.apply(ctx, d, sets, next.changes, status)
	if current, _ := split(d, sets); current != nil && applyErr == nil {
		if next.rollout && hasDeadline(d) && condition(status, appsv1.DeploymentProgressing) == nil {
			setCondition(status, appsv1.DeploymentProgressing, corev1.ConditionTrue, foundNewReplicaSet,
				fmt.Sprintf("Found new replica set %q", current.Name), now)
		}
		if err := c.noteRevision(ctx, d, current.Annotations[revisionAnnotation]); err != nil {
			return 0, err
		}
	}
	before := *status
	*status = observe(before, d, sets, now)
	if next.rollout {
		judge(&before, status, d, sets, now)
	}
	if applyErr == nil && ptr.Deref(status.CollisionCount, 0) == collisions && slices.ContainsFunc(sets, unsettled) {
		if wait := c.drafts.Keep(d, status, patience); wait > 0 {
			return wait, nil
		}
	}
	if err := c.writeStatus(ctx, d, status); err != nil {
		return 0, errors.Join(applyErr, err)
	}
	return deadlineIn(d, status, now), applyErr
}

// standing is where the Deployment stood when it was last looked at, written or not.
func (c *Controller) standing(d *appsv1.Deployment) *appsv1.DeploymentStatus {
	if draft, ok := c.drafts.Last(d); ok {
		return draft.DeepCopy()
	}
	return d.Status.DeepCopy()
}

// noteRevision copies the current set's revision to the Deployment.
func (c *Controller) noteRevision(ctx context.Context, d *appsv1.Deployment, revision string) error {
	if revision == "" || d.Annotations[revisionAnnotation] == revision || d.DeletionTimestamp != nil {
		return nil
	}
	metav1.SetMetaDataAnnotation(&d.ObjectMeta, revisionAnnotation, revision)
	updated, err := c.client.AppsV1().Deployments(d.Namespace).Update(ctx, d, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("noting revision %s on Deployment %s: %w", revision, controller.Key(d), err)
	}
	c.told.Wrote(controller.Key(d), updated)
	d.ResourceVersion = updated.ResourceVersion
	return nil
}

func (c *Controller) writeStatus(ctx context.Context, d *appsv1.Deployment, status *appsv1.DeploymentStatus) error {
	if equality.Semantic.DeepEqual(d.Status, *status) {
		c.drafts.Drop(controller.Key(d))
		return nil
	}
	d.Status = *status
	updated, err := c.client.AppsV1().Deployments(d.Namespace).UpdateStatus(ctx, d, metav1.UpdateOptions{})
	switch {
	case err == nil:
		c.told.Wrote(controller.Key(d), updated)
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("updating the status of Deployment %s: %w", controller.Key(d), err)
	}
	c.drafts.Drop(controller.Key(d))
	return nil
}

// refuse tells that the Deployment would select every pod, and does nothing.
func (c *Controller) refuse(ctx context.Context, d *appsv1.Deployment) error {
	c.events.Eventf(d, corev1.EventTypeWarning, "SelectingAll",
		"This deployment is selecting all pods. A non-empty selector is required.")
	status := d.Status.DeepCopy()
	status.ObservedGeneration = d.Generation
	return c.writeStatus(ctx, d, status)
}

// claim returns the Deployment's sets.
func (c *Controller) claim(ctx context.Context, d *appsv1.Deployment, selector labels.Selector) ([]*appsv1.ReplicaSet, error) {
	claimer := controller.Claimer[*appsv1.ReplicaSet]{
		Owner: d, Kind: kind, Selector: selector,
		Live: func(ctx context.Context) (metav1.Object, error) {
			return c.client.AppsV1().Deployments(d.Namespace).Get(ctx, d.Name, metav1.GetOptions{})
		},
		Patch: func(ctx context.Context, name string, patch []byte) error {
			rs, err := c.client.AppsV1().ReplicaSets(d.Namespace).
				Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
			if err == nil {
				c.writes.Wrote(controller.Key(d), rs)
			}
			return err
		},
	}
	return claimer.Claim(ctx, c.setsOf(d))
}

// podsOf returns the pods of the sets where the strategy has to know them.
func (c *Controller) podsOf(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) ([]*corev1.Pod, error) {
	if isRolling(d) {
		return nil, nil
	}
	owned := map[types.UID]bool{}
	for _, rs := range sets {
		owned[rs.UID] = true
	}
	all, err := c.pods.Pods(d.Namespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var pods []*corev1.Pod
	for _, pod := range all {
		if ref := metav1.GetControllerOfNoCopy(pod); ref != nil && owned[ref.UID] {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}
