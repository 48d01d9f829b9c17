package horizontalpodautoscaler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in logs.
	Name = "horizontal-pod-autoscaler-controller"
	// Component is its name in events.
	Component = "horizontal-pod-autoscaler"
)

// answerTimeout bounds one question about a scale or a metric.
const answerTimeout = 30 * time.Second

var errNoMetric = specError{errors.New("there is no metric to scale by")}

// Controller sizes the targets of HorizontalPodAutoscalers.
type Controller struct {
	client      kubernetes.Interface
	autoscalers autoscalinglisters.HorizontalPodAutoscalerLister
	pods        corelisters.PodLister
	targets     *targets
	metrics     reader
	events      record.EventRecorder
	options     Options
	writes      *controller.Writes
	past        *memory
	selectors   *selectors
	queue       *controller.Queue
	synced      []cache.InformerSynced
	now         func() time.Time
}

// New returns the controller of the cluster that client and config both lead to. The options must be complete.
func New(client kubernetes.Interface, config *rest.Config, shared informers.SharedInformerFactory, events record.EventRecorder, options Options) (*Controller, error) {
	config = rest.CopyConfig(config)
	// Extension servers and custom resources speak JSON, and may never answer.
	config.ContentType, config.AcceptContentTypes, config.Timeout = "", "", answerTimeout
	targets, err := newTargets(config, client.Discovery())
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(config, client.Discovery(), targets.mapper)
	if err != nil {
		return nil, err
	}
	return newController(client, shared, targets, metrics, events, options), nil
}

// reader answers what a metric of an autoscaler in the namespace is, whose target's pods the selector picks.
type reader interface {
	run(ctx context.Context, period time.Duration)
	read(ctx context.Context, namespace string, spec autoscalingv2.MetricSpec, selector labels.Selector) reading
}

func newController(client kubernetes.Interface, shared informers.SharedInformerFactory, targets *targets, metrics reader, events record.EventRecorder, options Options) *Controller {
	autoscalers, pods := shared.Autoscaling().V2().HorizontalPodAutoscalers(), shared.Core().V1().Pods()
	c := &Controller{
		client:      client,
		autoscalers: autoscalers.Lister(),
		pods:        pods.Lister(),
		targets:     targets,
		metrics:     metrics,
		events:      events,
		options:     options,
		writes:      controller.NewWrites(autoscalers.Informer().GetStore()),
		past:        newMemory(),
		selectors:   newSelectors(),
		queue:       controller.NewQueue(Name),
		now:         time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.Watch(autoscalers.Informer(), c.changed),
		pods.Informer().HasSynced,
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	var metrics sync.WaitGroup
	metrics.Go(func() { c.metrics.run(ctx, c.options.SyncPeriod) })
	defer metrics.Wait()
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// changed queues an autoscaler that is new, gone or wants something else. Its status is the controller's own.
func (c *Controller) changed(before, now *autoscalingv2.HorizontalPodAutoscaler) {
	switch {
	case before == nil:
		autoscalers.Inc()
	case now == nil:
		autoscalers.Dec()
	}
	if before != nil && now != nil && before.UID == now.UID && equality.Semantic.DeepEqual(before.Spec, now.Spec) {
		return
	}
	c.queue.Add(controller.Key(controller.Either(before, now)))
}

// Reconcile looks at an autoscaler, and asks to be called again after the period.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if _, err := c.autoscalers.HorizontalPodAutoscalers(key.Namespace).Get(key.Name); apierrors.IsNotFound(err) {
		c.past.forget(key)
		c.selectors.forget(key)
		return 0, nil
	}
	// Asked before the autoscaler is read: what is read after that can only be newer than one's writes.
	if !c.writes.Seen(key) {
		return controller.StaleCache, nil
	}
	found, err := c.autoscalers.HorizontalPodAutoscalers(key.Namespace).Get(key.Name)
	if err != nil {
		return 0, err
	}
	started := c.now()
	hpa := found.DeepCopy()
	r := report{hpa.Status.DeepCopy(), hpa.Generation, started}
	if hpa.Generation != 0 {
		r.status.ObservedGeneration = ptr.To(hpa.Generation)
	}
	changed, failure := c.look(ctx, hpa, r)
	observe(changed, failure, c.now().Sub(started))
	if err := c.writeStatus(ctx, hpa, r.status); err != nil {
		return 0, err
	}
	if failure != nil {
		// It is in events and conditions too, and the metrics may be there by the next look.
		klog.FromContext(ctx).V(2).Info("Not as it should be, trying again", "key", key, "reason", failure)
	}
	return c.options.SyncPeriod, nil
}

// look does what there is to do, and reports where it leads. It returns by how much it has changed the target, and an
// error that has been told already.
func (c *Controller) look(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, r report) (changed int32, err error) {
	on, scale, err := c.targets.find(ctx, hpa.Namespace, hpa.Spec.ScaleTargetRef)
	if err != nil {
		c.events.Event(hpa, corev1.EventTypeWarning, "FailedGetScale", err.Error())
		r.set(autoscalingv2.AbleToScale, false, "FailedGetScale", fmt.Sprintf("the HPA controller was unable to get the target's current scale: %v", err))
		return 0, err
	}
	r.set(autoscalingv2.AbleToScale, true, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
	key, current := controller.Key(hpa), scale.Spec.Replicas
	past := c.past.of(key)
	past.begin(current, r.now)

	verdict, desired, reason := judge(&hpa.Spec, r.status, current)
	var failure error
	switch verdict {
	case paused:
		r.set(autoscalingv2.ScalingActive, false, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
		r.status.CurrentMetrics = nil
	case correct:
		r.status.CurrentMetrics = nil
	case measure:
		var best *proposal
		if best, failure = c.propose(ctx, hpa, scale, r); best == nil {
			r.status.CurrentReplicas = current
			c.events.Event(hpa, corev1.EventTypeWarning, "FailedComputeMetricsReplicas", failure.Error())
			return 0, failure
		}
		desired, reason = plan(&hpa.Spec, current, best, past, c.options, r)
	}
	if desired != current {
		if err := c.resize(ctx, hpa, on, scale, desired, reason, r); err != nil {
			return 0, err
		}
		past.scaled(current, desired, r.now)
	} else if current > 0 && scaledToZero(r.status) {
		notScaledToZero(r) // it was to be, but it never happened, or someone else has undone it
	}
	r.status.CurrentReplicas, r.status.DesiredReplicas = current, desired
	return desired - current, failure
}

// propose evaluates the metrics. Without a proposal to follow it returns none; the error says why, or which of the
// metrics could not be evaluated.
func (c *Controller) propose(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, scale *autoscalingv1.Scale, r report) (*proposal, error) {
	selector, pods, err := c.choosePods(hpa, scale.Status.Selector, r)
	if err != nil {
		r.status.CurrentMetrics = nil
		return nil, err
	}
	s := sized{spec: scale.Spec.Replicas, status: scale.Status.Replicas, pods: pods}
	t := tolerancesOf(hpa.Spec.Behavior, *c.options.Tolerance)
	proposals := make([]proposal, len(hpa.Spec.Metrics))
	r.status.CurrentMetrics = make([]autoscalingv2.MetricStatus, len(proposals))
	for i, m := range hpa.Spec.Metrics {
		started := c.now()
		proposals[i] = evaluate(m, c.metrics.read(ctx, hpa.Namespace, m, selector), s, t, c.options, r.now)
		r.status.CurrentMetrics[i] = proposals[i].status
		observeMetric(m.Type, proposals[i], s.spec, c.now().Sub(started))
		if proposals[i].err != nil {
			c.events.Event(hpa, corev1.EventTypeWarning, proposals[i].reason, proposals[i].message)
		}
	}
	best, failure, err := choose(proposals, s.spec)
	if len(proposals) == 0 {
		return nil, errNoMetric
	}
	if best == nil {
		r.set(autoscalingv2.ScalingActive, false, failure.reason, "the HPA was unable to compute the replica count: "+failure.message)
		return nil, err
	}
	r.set(autoscalingv2.ScalingActive, true, "ValidMetricFound", "the HPA was able to successfully calculate a replica count from "+best.name)
	return best, err
}

// resize sets the target's size. That the autoscaler itself goes to zero is written down first: whoever comes
// next, if this process ends now, must not take it for a pause.
func (c *Controller) resize(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, on target, scale *autoscalingv1.Scale, desired int32, reason string, r report) error {
	current := scale.Spec.Replicas
	if desired == 0 {
		r.set(autoscalingv2.ScaledToZero, true, "ScaledToZero", "the HPA controller scaled the workload to zero")
		intent := hpa.Status.DeepCopy()
		report{intent, r.generation, r.now}.set(autoscalingv2.ScaledToZero, true, "ScaledToZero", "the HPA controller scaled the workload to zero")
		if err := c.writeStatus(ctx, hpa, intent); err != nil {
			return err
		}
	}
	if err := c.targets.resize(ctx, on, scale, desired); err != nil {
		c.events.Eventf(hpa, corev1.EventTypeWarning, "FailedRescale", "New size: %d; reason: %s; error: %v", desired, reason, err)
		r.set(autoscalingv2.AbleToScale, false, "FailedUpdateScale", fmt.Sprintf("the HPA controller was unable to update the target scale: %v", err))
		r.status.CurrentReplicas = current
		return fmt.Errorf("failed to rescale %s: %w", on, err)
	}
	r.set(autoscalingv2.AbleToScale, true, "SucceededRescale", fmt.Sprintf("the HPA controller was able to update the target scale to %d", desired))
	c.events.Eventf(hpa, corev1.EventTypeNormal, "SuccessfulRescale", "New size: %d; reason: %s", desired, reason)
	if desired > 0 {
		notScaledToZero(r)
	}
	r.status.LastScaleTime = ptr.To(metav1.NewTime(r.now))
	klog.FromContext(ctx).V(1).Info("Resized", "target", on, "from", current, "to", desired, "reason", reason)
	return nil
}

func notScaledToZero(r report) {
	r.set(autoscalingv2.ScaledToZero, false, "NotScaledToZero", "the HPA controller did not scale the workload to zero")
}

// writeStatus writes the status if it is another one, and leaves the object as the API server has it then.
func (c *Controller) writeStatus(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, status *autoscalingv2.HorizontalPodAutoscalerStatus) error {
	if equality.Semantic.DeepEqual(&hpa.Status, status) {
		return nil
	}
	wanted := hpa.DeepCopy()
	wanted.Status = *status
	updated, err := c.client.AutoscalingV2().HorizontalPodAutoscalers(hpa.Namespace).UpdateStatus(ctx, wanted, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("updating the status of HorizontalPodAutoscaler %s: %w", controller.Key(hpa), err)
	}
	c.writes.Wrote(controller.Key(hpa), updated)
	*hpa = *updated
	return nil
}
