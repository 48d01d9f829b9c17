package podgc

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in logs.
	Name = "pod-garbage-collector-controller"
	// DefaultThreshold is how many finished pods a cluster keeps.
	DefaultThreshold = 12500
	// DefaultQuarantine is how long a node must have been away before its pods
	// are taken for lost: its object may be made again.
	DefaultQuarantine = 40 * time.Second
	// period is how often all pods are looked through.
	period = 20 * time.Second
)

// everything is the only key: the rules are about pods as a whole.
var everything = types.NamespacedName{Name: "pods"}

// Controller removes pods that are left over.
type Controller struct {
	client     kubernetes.Interface
	pods       corelisters.PodLister
	nodes      corelisters.NodeLister
	threshold  int
	quarantine time.Duration
	queue      *controller.Queue
	synced     []cache.InformerSynced
	now        func() time.Time
	// missing are the nodes that pods name and that are not there, since when. Only Reconcile touches them,
	// and as there is one key, it runs once at a time.
	missing map[string]time.Time
}

// New returns the controller. It keeps threshold finished pods (all if zero) and
// waits for quarantine before it takes a missing node for gone.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, threshold int, quarantine time.Duration) *Controller {
	pods, nodes := shared.Core().V1().Pods(), shared.Core().V1().Nodes()
	c := &Controller{
		client:     client,
		pods:       pods.Lister(),
		nodes:      nodes.Lister(),
		threshold:  threshold,
		quarantine: quarantine,
		queue:      controller.NewQueue(Name),
		now:        time.Now,
		missing:    map[string]time.Time{},
	}
	c.synced = []cache.InformerSynced{
		pods.Informer().HasSynced,
		controller.Watch(nodes.Informer(), func(_, now *corev1.Node) {
			if now == nil {
				c.queue.Add(everything)
			}
		}),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Add(everything)
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile looks all pods through, and asks to be called again after a while.
func (c *Controller) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	pods, err := c.pods.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	list, err := c.nodes.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	nodes := map[string]*corev1.Node{}
	for _, node := range list {
		nodes[node.Name] = node
	}
	var errs []error
	for _, pod := range finishedSurplus(pods, c.threshold) {
		errs = append(errs, c.remove(ctx, pod, ""))
	}
	for _, pod := range neverScheduled(pods) {
		errs = append(errs, c.remove(ctx, pod, ""))
	}
	for _, pod := range outOfService(pods, nodes) {
		errs = append(errs, c.remove(ctx, pod, ""))
	}
	next := period
	gone, wait, err := c.gone(ctx, pods, nodes)
	errs = append(errs, err)
	if wait > 0 {
		next = min(next, wait)
	}
	for _, pod := range pods {
		if gone[pod.Spec.NodeName] {
			errs = append(errs, c.remove(ctx, pod, "PodGC: node no longer exists"))
		}
	}
	return next, errors.Join(errs...)
}

// gone returns the nodes that pods name and that have been missing for the
// quarantine, and when the next one will have been. Of a node that cannot be
// looked at just now the error tells; the others count all the same.
func (c *Controller) gone(ctx context.Context, pods []*corev1.Pod, nodes map[string]*corev1.Node) (map[string]bool, time.Duration, error) {
	overdue, next := c.miss(pods, nodes)
	gone := map[string]bool{}
	var errs []error
	for _, name := range overdue {
		// The cache may be behind.
		_, err := c.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			gone[name] = true
		case err != nil:
			errs = append(errs, fmt.Errorf("looking whether node %s exists: %w", name, err))
		}
	}
	return gone, next, errors.Join(errs...)
}

// miss notes which nodes are missing, and returns those that have been for the
// quarantine and how long it is until the next of the others will have been.
func (c *Controller) miss(pods []*corev1.Pod, nodes map[string]*corev1.Node) (overdue []string, next time.Duration) {
	missing, now := map[string]time.Time{}, c.now()
	for _, pod := range pods {
		name := pod.Spec.NodeName
		if _, counted := missing[name]; counted || name == "" || nodes[name] != nil {
			continue
		}
		since, known := c.missing[name]
		if !known {
			since = now
		}
		missing[name] = since
		switch wait := c.quarantine - now.Sub(since); {
		case wait <= 0:
			overdue = append(overdue, name)
		case next == 0 || wait < next:
			next = wait
		}
	}
	c.missing = missing
	return overdue, next
}

// remove deletes the pod at once. One that has not finished fails first, since
// there is no kubelet to say so, and whoever watches it is to learn how it ended;
// lost, if not empty, is what its node has come to.
func (c *Controller) remove(ctx context.Context, pod *corev1.Pod, lost string) error {
	if !controller.IsFinished(pod) {
		failed := pod.DeepCopy()
		failed.Status.Phase = corev1.PodFailed
		failed.Status.ObservedGeneration = pod.Generation
		if lost != "" {
			controller.SetPodCondition(failed, corev1.PodCondition{
				Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, ObservedGeneration: pod.Generation,
				Reason: "DeletionByPodGC", Message: lost, LastTransitionTime: metav1.NewTime(c.now()),
			})
		}
		_, err := c.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, failed, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("noting the end of pod %s: %w", controller.Key(pod), err)
		}
	}
	options := metav1.NewDeleteOptions(0)
	options.Preconditions = metav1.NewUIDPreconditions(string(pod.UID))
	err := c.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, *options)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting pod %s: %w", controller.Key(pod), err)
	}
	return nil
}
