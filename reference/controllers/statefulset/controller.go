package statefulset

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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
	"github.com/etalon-dev/etalon/reference/controllers/revisions"
)

// Name is the controller's name in events and logs.
const Name = "statefulset-controller"

// Controller keeps the pods and claims of StatefulSets.
type Controller struct {
	client  kubernetes.Interface
	events  record.EventRecorder
	sets    appslisters.StatefulSetLister
	podsOf  func(owner metav1.Object) []*corev1.Pod
	claims  corelisters.PersistentVolumeClaimLister
	history *revisions.Store
	// What was written, by what it was written to.
	setWrites, podWrites, claimWrites *controller.Writes

	queue  *controller.Queue
	synced []cache.InformerSynced
	now    func() time.Time
}

// New returns the controller of StatefulSets.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	sets, pods := shared.Apps().V1().StatefulSets(), shared.Core().V1().Pods()
	claims := shared.Core().V1().PersistentVolumeClaims()
	c := &Controller{
		client:      client,
		events:      events,
		sets:        sets.Lister(),
		podsOf:      controller.ByController[*corev1.Pod](pods.Informer()),
		claims:      claims.Lister(),
		history:     revisions.NewStore(client, shared.Apps().V1().ControllerRevisions()),
		setWrites:   controller.NewWrites(sets.Informer().GetStore()),
		podWrites:   controller.NewWrites(pods.Informer().GetStore()),
		claimWrites: controller.NewWrites(claims.Informer().GetStore()),
		queue:       controller.NewQueue(Name),
		now:         time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*appsv1.StatefulSet](sets.Informer(), c.queue),
		controller.Watch(pods.Informer(), c.podChanged),
		controller.Watch(claims.Informer(), c.claimChanged),
		c.history.Synced,
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile takes the next step towards what the set asks for, and reports in its
// status what there is.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	// Asked before anything is read: what is read after that can only be newer than one's writes.
	if !c.setWrites.Seen(key) || !c.podWrites.Seen(key) || !c.claimWrites.Seen(key) || !c.history.Seen(key) {
		return controller.StaleCache, nil
	}
	set, err := c.sets.StatefulSets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return 0, fmt.Errorf("selector of StatefulSet %s: %w", key, err)
	}
	pods, err := c.claim(ctx, set, selector)
	if err != nil {
		return 0, err
	}
	return c.advance(ctx, set, selector, pods)
}

// advance writes the status and carries out the plan, which is made from the same.
func (c *Controller) advance(ctx context.Context, set *appsv1.StatefulSet, selector labels.Selector, pods []*corev1.Pod) (time.Duration, error) {
	past, collisions, err := c.revisionsOf(ctx, set, selector)
	if err != nil {
		return 0, err
	}
	v := &view{
		set: set, pods: map[int]*corev1.Pod{}, now: c.now(),
		current: past.current, update: past.update,
		claims: func(name string) *corev1.PersistentVolumeClaim {
			claim, err := c.claims.PersistentVolumeClaims(set.Namespace).Get(name)
			if err != nil {
				return nil // a lister reads memory: there is none
			}
			return claim
		},
	}
	for _, pod := range pods {
		ordinal, _ := ordinalOf(set, pod.Name)
		v.pods[ordinal] = pod
	}
	// The status comes first: what the first pods are made from must be known as
	// the current revision, also to a controller that is started after a crash.
	status, next := observe(v, collisions)
	if err := c.writeStatus(ctx, set, &status); err != nil {
		return 0, err
	}
	if err := c.carryOut(ctx, set, plan(v), past); err != nil || set.DeletionTimestamp != nil {
		return next, err
	}
	return next, c.forget(ctx, set, past, &status, pods)
}

// writeStatus writes the status if anything in it has changed.
func (c *Controller) writeStatus(ctx context.Context, set *appsv1.StatefulSet, status *appsv1.StatefulSetStatus) error {
	if sameStatus(&set.Status, status) {
		return nil
	}
	set = set.DeepCopy()
	set.Status = *status
	updated, err := c.client.AppsV1().StatefulSets(set.Namespace).UpdateStatus(ctx, set, metav1.UpdateOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("updating the status of StatefulSet %s: %w", controller.Key(set), err)
	}
	c.setWrites.Wrote(controller.Key(set), updated)
	return nil
}

// claim returns the set's pods, after it has adopted and released what it should.
// Pods whose names the set does not give are none of its business.
func (c *Controller) claim(ctx context.Context, set *appsv1.StatefulSet, selector labels.Selector) ([]*corev1.Pod, error) {
	var candidates []*corev1.Pod
	for _, pod := range c.podsOf(set) {
		if _, ok := ordinalOf(set, pod.Name); ok {
			candidates = append(candidates, pod)
		}
	}
	claimer := controller.Claimer[*corev1.Pod]{
		Owner: set, Kind: kind, Selector: selector, Live: c.live(set),
		Patch: func(ctx context.Context, name string, patch []byte) error {
			pod, err := c.client.CoreV1().Pods(set.Namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
			if err == nil {
				c.podWrites.Wrote(controller.Key(set), pod)
			}
			return err
		},
	}
	return claimer.Claim(ctx, candidates)
}

func (c *Controller) live(set *appsv1.StatefulSet) func(ctx context.Context) (metav1.Object, error) {
	return func(ctx context.Context) (metav1.Object, error) {
		return c.client.AppsV1().StatefulSets(set.Namespace).Get(ctx, set.Name, metav1.GetOptions{})
	}
}

// past is a set's history.
type past struct {
	owner           revisions.Owner
	all             []*appsv1.ControllerRevision
	current, update string
}

// template is that of the revision of that name.
func (p *past) template(name string) (*corev1.PodTemplateSpec, error) {
	if name == p.update {
		return p.owner.Template, nil
	}
	for _, revision := range p.all {
		if revision.Name == name {
			return revisions.Template(revision)
		}
	}
	return nil, fmt.Errorf("there is no ControllerRevision %s", name)
}

// revisionsOf makes sure that the set's template has its revision. A set that is
// being deleted makes no more history.
func (c *Controller) revisionsOf(ctx context.Context, set *appsv1.StatefulSet, selector labels.Selector) (*past, *int32, error) {
	collisions := ptr.To(ptr.Deref(set.Status.CollisionCount, 0))
	p := &past{
		owner:   revisions.Owner{Object: set, Kind: kind, Selector: selector, Template: &set.Spec.Template, HashLabel: revisions.HashLabel},
		current: set.Status.CurrentRevision, update: set.Status.UpdateRevision,
	}
	if set.DeletionTimestamp != nil {
		return p, collisions, nil
	}
	all, err := c.history.Claim(ctx, p.owner, c.live(set))
	if err != nil {
		return nil, nil, err
	}
	update, all, collisions, err := c.history.Current(ctx, p.owner, all, collisions)
	if err != nil {
		return nil, nil, err
	}
	p.all, p.update = all, update.Name
	// A new set has no current revision, and somebody may have deleted that of an old one.
	if _, err := p.template(p.current); err != nil {
		p.current = p.update
	}
	return p, collisions, nil
}

// forget drops revisions beyond the limit that no pod is of.
func (c *Controller) forget(ctx context.Context, set *appsv1.StatefulSet, p *past, status *appsv1.StatefulSetStatus, pods []*corev1.Pod) error {
	used := map[string]bool{p.current: true, p.update: true, status.CurrentRevision: true}
	for _, pod := range pods {
		used[revisionOf(pod)] = true
	}
	return c.history.Truncate(ctx, p.owner, p.all, set.Spec.RevisionHistoryLimit,
		func(r *appsv1.ControllerRevision) bool { return used[r.Name] })
}
