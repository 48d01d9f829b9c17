package garbagecollector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/lru"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in events and logs.
	Name = "garbage-collector-controller"
	// remembered is how many absent owners are kept in mind, so that the
	// thousand dependents of one owner do not each ask for it. A uid that is gone
	// never comes back.
	remembered = 500
)

// Controller collects garbage. Its keys are uids, as names.
type Controller struct {
	metadata metadata.Interface
	mapper   meta.ResettableRESTMapper
	store    *store
	monitors *monitors
	absent   *lru.Cache
	events   record.EventRecorder
	queue    *controller.Queue
}

// New returns the garbage collector.
func New(metadata metadata.Interface, discovery discovery.DiscoveryInterface, events record.EventRecorder) *Controller {
	c := &Controller{
		metadata: metadata,
		mapper:   restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovery)),
		absent:   lru.New(remembered),
		events:   events,
		queue:    controller.NewQueue(Name),
	}
	c.store = newStore(func(uid types.UID) { c.queue.Add(types.NamespacedName{Name: string(uid)}) })
	c.monitors = &monitors{
		metadata: metadata, discovery: discovery, store: c.store,
		renewed: c.renewed,
		kick:    make(chan struct{}, 1), running: map[kindOf]*monitor{},
	}
	return c
}

// Run works until ctx ends. It does not wait for every object to be seen: what is
// deleted is decided from live reads in any case. Only an object whose owner is of a
// kind that is being listed waits for that, and an owner that is to be deleted after
// its dependents, or to let go of them, waits for all kinds, for a while.
func (c *Controller) Run(ctx context.Context, workers int) {
	ctx = klog.NewContext(ctx, klog.LoggerWithName(klog.FromContext(ctx), Name))
	var watching sync.WaitGroup
	watching.Go(func() { c.monitors.run(ctx) })
	c.queue.Run(ctx, workers, c.Reconcile, c.monitors.begun)
	watching.Wait()
}

// renewed forgets what was served before, if that has changed, or if there is an
// object for which it does not suffice: it was found out at another moment.
func (c *Controller) renewed(changed bool) {
	if changed || c.store.anyPuzzled() {
		c.mapper.Reset()
	}
	if changed {
		c.store.lookAgain()
	}
}

// Reconcile looks at the object with the uid, and deletes it, or moves its own
// deletion on, or removes references that point nowhere.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	obj := c.store.get(types.UID(key.Name))
	if obj == nil || obj.deleting && !obj.foreground && !obj.orphan {
		return 0, nil // gone, or going
	}
	if !obj.foreground && !obj.orphan {
		if !c.store.doubtful(obj) {
			c.store.solved(obj.uid)
			return 0, nil
		}
		if c.areListed(obj) {
			return listing, nil
		}
	}
	live, err := c.get(ctx, obj.resource, obj.namespace, obj.name)
	if isGone(err) || err == nil && live.UID != obj.uid {
		return 0, nil // the watch will tell
	}
	if isUnserved(err) {
		return c.puzzled(obj, unresolvable), nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading %s %s/%s: %w", obj.kind.Kind, obj.namespace, obj.name, err)
	}
	// Another deletion may have changed the policy since the watch told of one.
	var requeue time.Duration
	switch now := fromMetadata(kindOf{obj.resource, obj.kind}, live); {
	case now.orphan:
		requeue, err = c.orphan(ctx, obj, live)
	case now.foreground:
		requeue, err = c.foreground(ctx, obj, live)
	default:
		requeue, err = c.collect(ctx, obj, live)
	}
	if isGone(err) {
		err = nil
	}
	return requeue, err
}

// orphan lets go of the object's dependents, and then of the object. While there
// is a kind whose objects have never been seen it keeps the object: a dependent of
// that kind would be collected once it is seen.
func (c *Controller) orphan(ctx context.Context, owner *object, live *metav1.PartialObjectMetadata) (time.Duration, error) {
	dependents := c.store.dependentsOf(owner.uid)
	errs := controller.Together(len(dependents), func(i int) error {
		dependent, err := c.get(ctx, dependents[i].resource, dependents[i].namespace, dependents[i].name)
		if err == nil && dependent.UID == dependents[i].uid {
			if kept := without(dependent.OwnerReferences, owner); len(kept) < len(dependent.OwnerReferences) {
				_, err = c.setOwners(ctx, dependents[i], dependent, kept)
			}
		}
		if isGone(err) {
			return nil
		}
		return err
	})
	if len(errs) > 0 {
		return 0, fmt.Errorf("orphaning the dependents of %s %s/%s: %w", owner.kind.Kind, owner.namespace, owner.name, errors.Join(errs...))
	}
	if !c.monitors.synced() {
		return settling, nil
	}
	if late := c.monitors.late(); len(late) > 0 {
		klog.FromContext(ctx).Info("Cannot orphan before all kinds have been seen", "object", owner.name, "unseen", late)
		return unseen, nil
	}
	return 0, c.dropFinalizer(ctx, owner, live, metav1.FinalizerOrphanDependents)
}

// foreground lets go of the object once no dependent blocks its deletion. Its
// dependents are looked at for their own sake. If it is in a circle of objects that
// wait for each other it steps out of it.
func (c *Controller) foreground(ctx context.Context, owner *object, live *metav1.PartialObjectMetadata) (time.Duration, error) {
	if !c.monitors.synced() {
		return settling, nil
	}
	if !c.store.blocked(owner.uid) {
		return 0, c.dropFinalizer(ctx, owner, live, metav1.FinalizerDeleteDependents)
	}
	if circle := c.store.circle(owner.uid); len(circle) > 0 {
		_, err := c.setOwners(ctx, owner, live, unblocked(live.OwnerReferences, circle))
		return 0, err
	}
	return 0, nil
}

// collect deletes the object if none of its owners keeps it.
func (c *Controller) collect(ctx context.Context, obj *object, live *metav1.PartialObjectMetadata) (time.Duration, error) {
	if live.DeletionTimestamp != nil {
		return 0, nil
	}
	states, err := c.ownerStates(ctx, obj, live.OwnerReferences)
	if errors.As(err, &errUnresolvable{}) {
		klog.FromContext(ctx).V(2).Info("Cannot tell whether an owner exists", "object", obj.name, "reason", err)
		return c.puzzled(obj, unresolvable), nil
	}
	if err != nil {
		return 0, err
	}
	if slices.Contains(states, waiting) && !c.monitors.synced() {
		return settling, nil // whether it has dependents itself decides how it goes
	}
	decided := judge(live, states, c.store.hasDependents(obj.uid))
	switch decided.do {
	case leave:
		if c.hasUnseenOwner(live, states) {
			return c.puzzled(obj, unseen), nil
		}
		c.store.solved(obj.uid)
	case trim:
		_, err = c.setOwners(ctx, obj, live, decided.owners)
	case remove:
		err = c.delete(ctx, obj, live, decided.policy)
	}
	return 0, err
}
