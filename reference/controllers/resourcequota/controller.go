package resourcequota

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	etalonquota "github.com/etalon-dev/etalon/reference/quota"
)

const (
	// Name is the controller's name in logs.
	Name = "resourcequota-controller"
	// resync is how often every quota is counted, come what may.
	resync = 5 * time.Minute
	// recheck is how soon a quota is counted after admission has charged it.
	recheck = 2 * time.Second
	// retryUnknown is how soon to look again for a resource that is not served.
	retryUnknown = 10 * time.Second
	// syncPatience is how long to wait for the first list of a resource.
	syncPatience = 5 * time.Second
)

// Controller counts. Its keys are quotas.
type Controller struct {
	client   kubernetes.Interface
	quotas   corelisters.ResourceQuotaLister
	config   quota.Configuration
	registry quota.Registry // of the evaluators in config, and of those that monitors brings
	catalog  *catalog
	monitors *monitors
	settled  *settled
	queue    *controller.Queue
	synced   []cache.InformerSynced
	now      func() time.Time
}

// New returns the resource quota controller.
func New(client kubernetes.Interface, metadata metadata.Interface, discovery discovery.DiscoveryInterface, shared informers.SharedInformerFactory) *Controller {
	quotas := shared.Core().V1().ResourceQuotas()
	c := &Controller{
		client:  client,
		quotas:  quotas.Lister(),
		catalog: newCatalog(discovery),
		settled: newSettled(time.Now),
		queue:   controller.NewQueue(Name),
		now:     time.Now,
	}
	c.monitors = &monitors{
		client: client, metadata: metadata, full: sets.New(etalonquota.Measured...), changed: c.objectChanged,
		running: map[schema.GroupVersionResource]*monitor{},
	}
	c.config = etalonquota.Configuration(c.monitors.lister, time.Now)
	c.registry = generic.NewRegistry(c.config.Evaluators())
	c.monitors.registry, c.monitors.builtIn = c.registry, sets.New[schema.GroupResource]()
	for _, e := range c.config.Evaluators() {
		c.monitors.builtIn.Insert(e.GroupResource())
	}
	// Others watch these in any case, and client-go knows them.
	for _, resource := range []string{"pods", "services"} {
		gvr := corev1.SchemeGroupVersion.WithResource(resource)
		informer, _ := shared.ForResource(gvr)
		c.monitors.share(gvr, informer)
	}
	c.synced = []cache.InformerSynced{controller.Watch(quotas.Informer(), c.quotaChanged)}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	defer c.monitors.wait() // the workers have started them, and are gone by then
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile counts what the quota limits and writes it into its status.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	q, err := c.quotas.ResourceQuotas(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		c.settled.forget(key)
		return 0, c.stopUnused(ctx)
	}
	if err != nil {
		return 0, err
	}
	again := resync
	needed, unknown, err := c.needed(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("discovering the resources of quota %s: %w", key, err)
	}
	if unknown {
		again = retryUnknown
		if err := c.stopUnused(ctx); err != nil {
			return 0, err
		}
	}
	c.watch(ctx, needed)
	counted, countErr := quota.CalculateUsage(q.Namespace, q.Spec.Scopes, q.Spec.Hard, c.registry, q.Spec.ScopeSelector)
	status, differs, less := plan(q, counted)
	if !differs {
		return again, countErr
	}
	if less {
		if wait := c.settled.wait(key, q.ResourceVersion); wait > 0 {
			return wait, countErr
		}
	}
	c.settled.forget(key)
	changed := q.DeepCopy()
	changed.Status = status
	if _, err := c.client.CoreV1().ResourceQuotas(key.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{}); err != nil {
		if apierrors.IsNotFound(err) {
			return 0, nil
		}
		return 0, fmt.Errorf("updating the status of quota %s: %w", key, err)
	}
	if !quota.Equals(q.Spec.Hard, q.Status.Hard) {
		countErr = errors.Join(countErr, c.stopUnused(ctx))
	}
	return again, countErr
}

// watch starts the monitors of the resources and waits for their first lists, though not forever:
// what is missing then is counted when it is there. The ctx of a reconciliation lasts as long as the
// controller runs.
func (c *Controller) watch(ctx context.Context, needed []schema.GroupVersionResource) {
	var synced []cache.InformerSynced
	for _, gvr := range needed {
		synced = append(synced, c.monitors.ensure(ctx, gvr))
	}
	waiting, cancel := context.WithTimeout(ctx, syncPatience)
	defer cancel()
	cache.WaitForCacheSync(waiting.Done(), synced...)
}

// stopUnused stops watching what no quota limits any more. What others ask for while it looks at the
// quotas stays, as theirs may not be among those that it sees.
func (c *Controller) stopUnused(ctx context.Context) error {
	before := c.monitors.time()
	all, err := c.quotas.List(labels.Everything())
	if err != nil {
		return err
	}
	wanted := sets.New[schema.GroupVersionResource]()
	for _, q := range all {
		needed, _, err := c.needed(ctx, q)
		if err != nil {
			return err
		}
		wanted.Insert(needed...)
	}
	c.monitors.keep(wanted, before)
	return nil
}
