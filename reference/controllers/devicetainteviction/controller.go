package devicetainteviction

import (
	"context"
	"sync"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	resourcelisters "k8s.io/client-go/listers/resource/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/eviction"
)

// Name is the controller's name for --controllers and in events.
const Name = "device-taint-eviction-controller"

var texts = eviction.Texts{
	Event: "DeviceTaintManagerEviction", Reason: "DeletionByDeviceTaintManager",
	Message:    "Device Taint manager: deleting due to NoExecute taint",
	Marking:    func(types.NamespacedName) string { return "Marking for deletion" },
	Cancelling: func(types.NamespacedName) string { return "Cancelling deletion" },
}

// Controller evicts pods from tainted devices.
type Controller struct {
	client     kubernetes.Interface
	pods       corelisters.PodLister
	rules      resourcelisters.DeviceTaintRuleLister
	claims     cache.SharedIndexInformer
	slices     cache.SharedIndexInformer
	reserved   func(pod types.UID) []*resourcev1.ResourceClaim
	evictor    *eviction.Evictor
	ruleWrites *controller.Writes
	queue      *controller.Queue
	synced     []cache.InformerSynced
	now        func() time.Time

	mu sync.Mutex
	// Both by the rule's uid.
	evicted map[types.UID]int
	known   map[types.UID]sighting
}

// sighting is when a rule was first seen as it is.
type sighting struct {
	generation int64
	at         time.Time
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	pods, resources := shared.Core().V1().Pods(), shared.Resource().V1()
	rules := resources.DeviceTaintRules()
	c := &Controller{
		client:     client,
		pods:       pods.Lister(),
		rules:      rules.Lister(),
		claims:     resources.ResourceClaims().Informer(),
		slices:     resources.ResourceSlices().Informer(),
		evictor:    eviction.New(client, events, pods.Informer().GetStore(), texts),
		ruleWrites: controller.NewWrites(rules.Informer().GetStore()),
		queue:      controller.NewQueue(Name),
		now:        time.Now,
		evicted:    map[types.UID]int{},
		known:      map[types.UID]sighting{},
	}
	c.reserved = controller.ResourceClaimsByConsumer(c.claims)
	// They fail only if another index has the name, or the informer runs already.
	_ = c.claims.AddIndexers(claimIndexes)
	_ = c.slices.AddIndexers(sliceIndexes)
	c.synced = []cache.InformerSynced{
		controller.Watch(pods.Informer(), c.podChanged),
		controller.Watch(c.claims, c.claimChanged),
		controller.Watch(c.slices, c.sliceChanged),
		controller.Watch(rules.Informer(), c.ruleChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile sees to the pod or the rule that the key names.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if key.Namespace == "" {
		return c.reconcileRule(ctx, key)
	}
	if !c.evictor.Seen(key) {
		return 0, nil // What the cache gets to know next brings us back.
	}
	pod, err := c.pods.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && !evictable(pod) {
		c.evictor.Forget(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	rules, err := c.rules.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	v := judge(c.reserved(pod.UID), func(d device) []taint { return c.taints(d, rules) })
	if !v.leaves {
		c.evictor.Spare(pod)
		return 0, nil
	}
	for _, rule := range v.rules {
		c.queue.AddAfter(types.NamespacedName{Name: rule.Name}, statusPeriod)
	}
	if wait := v.at.Sub(c.now()); wait > 0 {
		c.evictor.Await(pod)
		return wait, nil
	}
	gone, err := c.evictor.Evict(ctx, pod, c.now())
	if gone {
		c.tally(v.rules)
	}
	return 0, err
}

// taints are those that the device has.
func (c *Controller) taints(d device, rules []*resourcev1.DeviceTaintRule) []taint {
	var found []taint
	if len(controller.Indexed[*resourcev1.ResourceSlice](c.slices, byTaint, d.key())) > 0 {
		for _, s := range current(controller.Indexed[*resourcev1.ResourceSlice](c.slices, byPool, device{driver: d.driver, pool: d.pool}.key())) {
			found = append(found, taintsIn(s, d.name)...)
		}
	}
	for _, rule := range rules {
		if selects(rule, d) {
			found = append(found, taintBy(rule))
		}
	}
	return found
}

// taintsIn are those that the driver put on the device.
func taintsIn(s *resourcev1.ResourceSlice, name string) []taint {
	var found []taint
	for i := range s.Spec.Devices {
		if s.Spec.Devices[i].Name != name {
			continue
		}
		for _, t := range s.Spec.Devices[i].Taints {
			since := s.CreationTimestamp.Time
			if t.TimeAdded != nil {
				since = t.TimeAdded.Time
			}
			found = append(found, taint{DeviceTaint: t, since: since})
		}
	}
	return found
}
