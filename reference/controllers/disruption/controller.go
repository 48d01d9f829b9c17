package disruption

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	policylisters "k8s.io/client-go/listers/policy/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in events and logs.
const Name = "disruption-controller"

// Controller keeps the status of PodDisruptionBudgets.
type Controller struct {
	client      kubernetes.Interface
	budgets     policylisters.PodDisruptionBudgetLister
	pods        corelisters.PodLister
	sets        appslisters.ReplicaSetLister
	deployments appslisters.DeploymentLister
	stateful    appslisters.StatefulSetLister
	replication corelisters.ReplicationControllerLister
	scales      Scales
	events      record.EventRecorder
	queue       *controller.Queue // of budgets
	stale       *controller.Queue // of pods that say they are about to be disrupted
	synced      []cache.InformerSynced
	now         func() time.Time
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, scales Scales, events record.EventRecorder) *Controller {
	budgets, pods := shared.Policy().V1().PodDisruptionBudgets(), shared.Core().V1().Pods()
	c := &Controller{
		client:      client,
		budgets:     budgets.Lister(),
		pods:        pods.Lister(),
		sets:        shared.Apps().V1().ReplicaSets().Lister(),
		deployments: shared.Apps().V1().Deployments().Lister(),
		stateful:    shared.Apps().V1().StatefulSets().Lister(),
		replication: shared.Core().V1().ReplicationControllers().Lister(),
		scales:      scales,
		events:      events,
		queue:       controller.NewQueue(Name),
		stale:       controller.NewQueue(Name + "-stale"),
		now:         time.Now,
	}
	c.synced = append(c.watchOwners(shared),
		controller.WatchKeys[*policyv1.PodDisruptionBudget](budgets.Informer(), c.queue),
		controller.Watch(pods.Informer(), c.podChanged),
	)
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.stale.Run(ctx, 1, c.reconcileStale, c.synced...)
	}()
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
	<-ended
}

// Reconcile computes what the budget allows.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	b, err := c.budgets.PodDisruptionBudgets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	o, err := c.compute(ctx, b)
	if err != nil {
		// Trying again is of no use where what controls the pods has no scale.
		return 0, errors.Join(c.write(ctx, b, failed(b, err)), unless(err, errNoScale))
	}
	for _, pod := range o.overdue {
		c.events.Eventf(pod, corev1.EventTypeWarning, "NotDeleted",
			"Pod was expected by PDB %s/%s to be deleted but it wasn't", b.Namespace, b.Name)
	}
	return o.recheck, c.write(ctx, b, o.status)
}

func unless(err, accepted error) error {
	if errors.Is(err, accepted) {
		return nil
	}
	return err
}

// compute asks the plan, and tells what stands in its way.
func (c *Controller) compute(ctx context.Context, b *policyv1.PodDisruptionBudget) (outcome, error) {
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		return outcome{}, err
	}
	pods, err := c.pods.Pods(b.Namespace).List(selector)
	if err != nil {
		return outcome{}, err
	}
	if len(pods) == 0 && b.Status.ObservedGeneration != b.Generation {
		c.events.Event(b, corev1.EventTypeNormal, "NoPods", "No matching pods found")
	}
	expected := int32(len(pods))
	if needsScale(b) {
		var unmanaged []string
		expected, unmanaged, err = c.expected(ctx, pods)
		if err != nil {
			c.events.Eventf(b, corev1.EventTypeWarning, "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: %v", err)
			return outcome{}, err
		}
		if len(unmanaged) > 0 {
			c.events.Eventf(b, corev1.EventTypeWarning, "UnmanagedPods", "Pods selected by this PodDisruptionBudget (selector: %v) were found to be unmanaged. "+
				"As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. "+
				`To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`, b.Spec.Selector)
		}
	} else if b.Spec.MinAvailable == nil {
		expected = 0
	}
	return plan(b, pods, expected, c.now())
}

// write writes the status if it is another. It holds only for the version of the
// budget that it was computed from: an eviction in between wins.
func (c *Controller) write(ctx context.Context, b *policyv1.PodDisruptionBudget, status policyv1.PodDisruptionBudgetStatus) error {
	if equality.Semantic.DeepEqual(b.Status, status) {
		return nil
	}
	changed := b.DeepCopy()
	changed.Status = status
	_, err := c.client.PolicyV1().PodDisruptionBudgets(b.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("updating the status of PodDisruptionBudget %s: %w", controller.Key(b), err)
	}
	return nil
}
