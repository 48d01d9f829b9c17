package tainteviction

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in events and logs.
	Name = "taint-eviction-controller"

	evictionReason = "TaintManagerEviction"
)

// Controller evicts pods from tainted nodes. Its keys are pods.
type Controller struct {
	client kubernetes.Interface
	pods   corelisters.PodLister
	nodes  corelisters.NodeLister
	onNode func(node string) []*corev1.Pod
	events record.EventRecorder
	queue  *controller.Queue
	synced []cache.InformerSynced
	now    func() time.Time

	mu      sync.Mutex
	seen    map[string]map[corev1.Taint]time.Time // per node: taints that do not say when they came
	pending map[types.NamespacedName]types.UID    // pods with a deadline ahead
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	pods, nodes := shared.Core().V1().Pods(), shared.Core().V1().Nodes()
	c := &Controller{
		client:  client,
		pods:    pods.Lister(),
		nodes:   nodes.Lister(),
		onNode:  controller.PodsByNode(pods.Informer()),
		events:  events,
		queue:   controller.NewQueue(Name),
		now:     time.Now,
		seen:    map[string]map[corev1.Taint]time.Time{},
		pending: map[types.NamespacedName]types.UID{},
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
	pod, err := c.pods.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && (pod.DeletionTimestamp != nil || pod.Spec.NodeName == "") {
		c.mark(key, "")
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
		if c.mark(key, "") == pod.UID {
			c.events.Eventf(pod, corev1.EventTypeNormal, evictionReason, "Cancelling deletion of Pod %s", key)
		}
		return 0, nil
	}
	if wait := at.Sub(c.now()); wait > 0 {
		c.mark(key, pod.UID)
		return wait, nil
	}
	c.mark(key, "")
	return 0, c.evict(ctx, pod)
}

// evict deletes the pod, after its status tells why.
func (c *Controller) evict(ctx context.Context, pod *corev1.Pod) error {
	key := controller.Key(pod)
	disrupted := pod.DeepCopy()
	if controller.SetPodCondition(disrupted, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, ObservedGeneration: pod.Generation,
		Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint",
		LastTransitionTime: metav1.NewTime(c.now()),
	}) {
		_, err := c.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, disrupted, metav1.UpdateOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("noting the eviction of pod %s: %w", key, err)
		}
	}
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
	err := c.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("evicting pod %s: %w", key, err)
	}
	c.events.Eventf(pod, corev1.EventTypeNormal, evictionReason, "Marking for deletion Pod %s", key)
	return nil
}

// mark notes that the pod of the uid has a deadline ahead, or none if the uid is
// empty, and returns whose deadline it was before.
func (c *Controller) mark(key types.NamespacedName, uid types.UID) types.UID {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.pending[key]
	if uid == "" {
		delete(c.pending, key)
	} else {
		c.pending[key] = uid
	}
	return before
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
