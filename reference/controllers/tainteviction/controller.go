package tainteviction

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/eviction"
)

const (
	// Name is the controller's name in events and logs.
	Name = "taint-eviction-controller"
)

var texts = eviction.Texts{
	Event: "TaintManagerEviction", Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint",
	Marking:    func(pod types.NamespacedName) string { return "Marking for deletion Pod " + pod.String() },
	Cancelling: func(pod types.NamespacedName) string { return "Cancelling deletion of Pod " + pod.String() },
}

// Controller evicts pods from tainted nodes. Its keys are pods.
type Controller struct {
	pods    corelisters.PodLister
	nodes   corelisters.NodeLister
	onNode  func(node string) []*corev1.Pod
	evictor *eviction.Evictor
	queue   *controller.Queue
	synced  []cache.InformerSynced
	now     func() time.Time

	mu   sync.Mutex
	seen map[string]map[corev1.Taint]time.Time // per node: taints that do not say when they came
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	pods, nodes := shared.Core().V1().Pods(), shared.Core().V1().Nodes()
	c := &Controller{
		pods:    pods.Lister(),
		nodes:   nodes.Lister(),
		onNode:  controller.PodsByNode(pods.Informer()),
		evictor: eviction.New(client, events, pods.Informer().GetStore(), texts),
		queue:   controller.NewQueue(Name),
		now:     time.Now,
		seen:    map[string]map[corev1.Taint]time.Time{},
	}
	c.synced = []cache.InformerSynced{
		controller.Watch(pods.Informer(), c.podChanged),
		controller.Watch(nodes.Informer(), c.nodeChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile deletes the pod if its time on a tainted node is over, and asks to
// be called again when it will be.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.evictor.Seen(key) {
		return 0, nil // What the cache gets to know next brings us back.
	}
	pod, err := c.pods.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && (pod.DeletionTimestamp != nil || pod.Spec.NodeName == "") {
		c.evictor.Forget(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	node, err := c.nodes.Get(pod.Spec.NodeName)
	if apierrors.IsNotFound(err) {
		return 0, nil // the pod garbage collector's
	}
	if err != nil {
		return 0, err
	}
	at, leaves := deadline(pod, node.Spec.Taints, func(taint corev1.Taint) time.Time { return c.since(node, taint) })
	if !leaves {
		c.evictor.Spare(pod)
		return 0, nil
	}
	if wait := at.Sub(c.now()); wait > 0 {
		c.evictor.Await(pod)
		return wait, nil
	}
	_, err = c.evictor.Evict(ctx, pod, c.now())
	return 0, err
}

// since is when the taint came to the node: as it says itself, or else when it
// was first seen.
func (c *Controller) since(node *corev1.Node, taint corev1.Taint) time.Time {
	if taint.TimeAdded != nil {
		return taint.TimeAdded.Time
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[node.Name] == nil {
		c.seen[node.Name] = map[corev1.Taint]time.Time{}
	}
	if _, known := c.seen[node.Name][taint]; !known {
		c.seen[node.Name][taint] = c.now()
	}
	return c.seen[node.Name][taint]
}

// podChanged queues a pod that has come to a node or tolerates something else now.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	pod := controller.Either(before, now)
	if now != nil && before != nil && before.Spec.NodeName == now.Spec.NodeName &&
		before.UID == now.UID && before.DeletionTimestamp.IsZero() == now.DeletionTimestamp.IsZero() &&
		len(before.Spec.Tolerations) == len(now.Spec.Tolerations) {
		return // tolerations can only be added to
	}
	c.queue.Add(controller.Key(pod))
}

// nodeChanged queues the pods of a node whose taints have changed, and forgets
// the times of taints it no longer has.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	had, has := taintsOf(before), taintsOf(now)
	if same(had, has) {
		return
	}
	name := controller.Either(before, now).Name
	c.mu.Lock()
	for taint := range c.seen[name] {
		if !contains(has, taint) {
			delete(c.seen[name], taint)
		}
	}
	if now == nil {
		delete(c.seen, name)
	}
	c.mu.Unlock()
	for _, pod := range c.onNode(name) {
		c.queue.Add(controller.Key(pod))
	}
}

func taintsOf(node *corev1.Node) []corev1.Taint {
	if node == nil {
		return nil
	}
	return noExecute(node.Spec.Taints)
}

func same(a, b []corev1.Taint) bool {
	if len(a) != len(b) {
		return false
	}
	for _, taint := range a {
		if !contains(b, taint) {
			return false
		}
	}
	return true
}

func contains(taints []corev1.Taint, taint corev1.Taint) bool {
	for _, other := range taints {
		if other.Key == taint.Key && other.Value == taint.Value {
			return true
		}
	}
	return false
}
