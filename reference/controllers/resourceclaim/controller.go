package resourceclaim

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	resourcelisters "k8s.io/client-go/listers/resource/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name for --controllers.
	Name = "resourceclaim-controller"
	// Component is its name in events.
	Component = "resource_claim"

	podPrefix, claimPrefix = "pod:", "claim:"
)

// Controller sees to pods with claims, and to claims.
type Controller struct {
	client    kubernetes.Interface
	events    record.EventRecorder
	pods      corelisters.PodLister
	templates resourcelisters.ResourceClaimTemplateLister
	lister    resourcelisters.ResourceClaimLister
	claims    cache.SharedIndexInformer
	reserved  func(pod types.UID) []*resourcev1.ResourceClaim
	podIndex  cache.SharedIndexInformer
	writes    *controller.Writes // of claims, on behalf of a key
	podWrites *controller.Writes
	queue     *controller.Queue
	synced    []cache.InformerSynced
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *Controller {
	pods, claims, templates := shared.Core().V1().Pods(), shared.Resource().V1().ResourceClaims(), shared.Resource().V1().ResourceClaimTemplates()
	c := &Controller{
		client:    client,
		events:    events,
		pods:      pods.Lister(),
		templates: templates.Lister(),
		lister:    claims.Lister(),
		claims:    claims.Informer(),
		reserved:  controller.ResourceClaimsByConsumer(claims.Informer()),
		podIndex:  pods.Informer(),
		writes:    controller.NewWrites(claims.Informer().GetStore()),
		podWrites: controller.NewWrites(pods.Informer().GetStore()),
		queue:     controller.NewQueue(Name),
	}
	// They fail only if another index has the name, or the informer runs already.
	_ = c.claims.AddIndexers(claimIndexes)
	_ = c.podIndex.AddIndexers(podIndexes)
	c.synced = []cache.InformerSynced{
		controller.Watch(pods.Informer(), c.podChanged),
		controller.Watch(claims.Informer(), c.claimChanged),
		controller.Watch(templates.Informer(), c.templateChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile sees to the pod or the claim that the key names.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.writes.Seen(key) || !c.podWrites.Seen(key) {
		return 0, nil // What the caches get to know next brings us back.
	}
	if name, isPod := strings.CutPrefix(key.Name, podPrefix); isPod {
		return 0, c.reconcilePod(ctx, key, name)
	}
	return 0, c.reconcileClaim(ctx, key, strings.TrimPrefix(key.Name, claimPrefix))
}

func (c *Controller) reconcilePod(ctx context.Context, key types.NamespacedName, name string) error {
	pod, err := c.pods.Pods(key.Namespace).Get(name)
	if apierrors.IsNotFound(err) || err == nil && (done(pod) || pod.DeletionTimestamp != nil) {
		return nil
	}
	if err != nil {
		return err
	}
	names, news := statuses(pod), map[string]string{}
	owned := controller.Indexed[*resourcev1.ResourceClaim](c.claims, byOwner, string(pod.UID))
	for i := range pod.Spec.ResourceClaims {
		entry := &pod.Spec.ResourceClaims[i]
		if entry.ResourceClaimTemplateName == nil || names[entry.Name] != "" {
			continue
		}
		claim := generatedFor(pod, entry.Name, owned)
		if claim == nil {
			if claim, err = c.generate(ctx, key, pod, entry); err != nil {
				c.events.Eventf(pod, corev1.EventTypeWarning, "FailedResourceClaimCreation", "PodResourceClaim %s: %v", entry.Name, err)
				if apierrors.IsNotFound(err) {
					return nil // The template may come; it is watched for.
				}
				return fmt.Errorf("pod %s/%s, claim %s: %w", pod.Namespace, pod.Name, entry.Name, err)
			}
		}
		news[entry.Name] = claim.Name
	}
	if len(news) > 0 {
		return c.name(ctx, key, pod, news)
	}
	if pod.Spec.NodeName == "" {
		return nil
	}
	for i := range pod.Spec.ResourceClaims {
		entry := &pod.Spec.ResourceClaims[i]
		claimName := names[entry.Name]
		if entry.ResourceClaimName != nil {
			claimName = *entry.ResourceClaimName
		}
		if err := c.reserve(ctx, key, pod, claimName); err != nil {
			return err
		}
	}
	return nil
}

// generate makes the claim of the pod's entry.
func (c *Controller) generate(ctx context.Context, key types.NamespacedName, pod *corev1.Pod, entry *corev1.PodResourceClaim) (*resourcev1.ResourceClaim, error) {
	template, err := c.templates.ResourceClaimTemplates(pod.Namespace).Get(*entry.ResourceClaimTemplateName)
	if err != nil {
		return nil, fmt.Errorf("resource claim template %q: %w", *entry.ResourceClaimTemplateName, err)
	}
	claim, err := c.client.ResourceV1().ResourceClaims(pod.Namespace).Create(ctx, generated(pod, entry.Name, template), metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	c.writes.Wrote(key, claim)
	return claim, nil
}

// reserve reserves the claim for a pod that was put on its node by somebody who did not.
func (c *Controller) reserve(ctx context.Context, key types.NamespacedName, pod *corev1.Pod, name string) error {
	claim, err := c.lister.ResourceClaims(pod.Namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil // It is watched for.
	}
	if err != nil {
		return err
	}
	if owner := metav1.GetControllerOfNoCopy(claim); owner != nil && owner.Kind == "Pod" && owner.UID != pod.UID {
		return nil // It was generated for another pod.
	}
	want, changed := reserved(claim, pod)
	if !changed {
		return nil
	}
	_, err = c.updateStatus(ctx, key, want)
	return err
}

func (c *Controller) reconcileClaim(ctx context.Context, key types.NamespacedName, name string) error {
	claim, err := c.lister.ResourceClaims(key.Namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var failure error
	plan := planClaim(claim, func(name string, uid types.UID) bool {
		needed, err := c.needed(ctx, key.Namespace, name, uid)
		if err != nil {
			failure = err
		}
		return needed
	})
	if failure != nil {
		return failure
	}
	if owner := metav1.GetControllerOfNoCopy(claim); owner != nil && owner.Kind == "Pod" {
		if pod, err := c.pods.Pods(key.Namespace).Get(owner.Name); err == nil && surplus(claim, pod) {
			plan.delete = true
		}
	}
	if plan.status != nil {
		if claim, err = c.updateStatus(ctx, key, plan.status); claim == nil || err != nil {
			return err
		}
	}
	if plan.letGo {
		if err := c.letGo(ctx, key, claim); err != nil {
			return err
		}
	}
	if plan.delete {
		err := c.client.ResourceV1().ResourceClaims(key.Namespace).Delete(ctx, name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(claim.UID))})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting claim %s/%s: %w", key.Namespace, name, err)
		}
		c.writes.Deleted(key, claim)
	}
	return nil
}

// needed says whether the pod is there and not done. One that the cache does not have may be newer than the cache.
func (c *Controller) needed(ctx context.Context, namespace, name string, uid types.UID) (bool, error) {
	pod, err := c.pods.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) || err == nil && pod.UID != uid {
		pod, err = c.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
	}
	if err != nil {
		return true, fmt.Errorf("looking for pod %s/%s: %w", namespace, name, err)
	}
	return pod.UID == uid && !done(pod), nil
}
