package namespace

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in logs.
const Name = "namespace-controller"

// Controller empties deleted namespaces.
type Controller struct {
	client     kubernetes.Interface
	metadata   metadata.Interface
	discovery  discovery.DiscoveryInterface
	namespaces corelisters.NamespaceLister
	queue      *controller.Queue
	synced     []cache.InformerSynced
	now        func() time.Time
}

// New returns the namespace controller.
func New(client kubernetes.Interface, metadata metadata.Interface, discovery discovery.DiscoveryInterface, shared informers.SharedInformerFactory) *Controller {
	namespaces := shared.Core().V1().Namespaces()
	c := &Controller{
		client:     client,
		metadata:   metadata,
		discovery:  discovery,
		namespaces: namespaces.Lister(),
		queue:      controller.NewQueue(Name),
		now:        time.Now,
	}
	c.synced = []cache.InformerSynced{
		controller.Watch(namespaces.Informer(), func(_, now *corev1.Namespace) {
			if now != nil && finalizing(now) {
				c.queue.Add(controller.Key(now))
			}
		}),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile empties the namespace if it is deleted, tells in its conditions what
// is left, and takes its finalizer off once nothing is.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	ns, err := c.namespaces.Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && !finalizing(ns) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	// The phase is what admission goes by when it refuses new content, so it has
	// to be there before the first look. Live, for the conditions to build upon.
	ns, err = c.client.CoreV1().Namespaces().Get(ctx, key.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && !finalizing(ns) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	ns, err = c.updateStatus(ctx, ns, func(status *corev1.NamespaceStatus) { status.Phase = corev1.NamespaceTerminating })
	if err != nil {
		return 0, ignoreNotFound(err)
	}
	found := c.empty(ctx, ns.Name)
	ns, err = c.updateStatus(ctx, ns, func(status *corev1.NamespaceStatus) {
		status.Conditions = conditions(status.Conditions, found, c.now())
	})
	if err != nil {
		return 0, ignoreNotFound(err)
	}
	if !found.empty() {
		return patience(c.now().Sub(ns.DeletionTimestamp.Time)), nil
	}
	return 0, ignoreNotFound(c.finalize(ctx, ns))
}

func (c *Controller) updateStatus(ctx context.Context, ns *corev1.Namespace, change func(*corev1.NamespaceStatus)) (*corev1.Namespace, error) {
	changed := ns.DeepCopy()
	change(&changed.Status)
	if equality.Semantic.DeepEqual(ns.Status, changed.Status) {
		return ns, nil
	}
	updated, err := c.client.CoreV1().Namespaces().UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("updating the status of namespace %s: %w", ns.Name, err)
	}
	return updated, nil
}

// finalize takes this controller's finalizer off the namespace; if it was the
// last, the API server removes the namespace.
func (c *Controller) finalize(ctx context.Context, ns *corev1.Namespace) error {
	ns = ns.DeepCopy()
	ns.Spec.Finalizers = slices.DeleteFunc(ns.Spec.Finalizers, func(f corev1.FinalizerName) bool {
		return f == corev1.FinalizerKubernetes
	})
	_, err := c.client.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("finalizing namespace %s: %w", ns.Name, err)
	}
	return nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
