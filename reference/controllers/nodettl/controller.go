// Package nodettl tells kubelets, in an annotation of their Node, for how long
// they may use what they have cached of Secrets and ConfigMaps: the longer, the
// larger the cluster is.
//
// Documentation: reference/labels-annotations-taints#node-alpha-kubernetes-io-ttl.
package nodettl

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in logs.
	Name = "ttl-controller"
	// unseen is how soon to look again at a node whose annotation has been written
	// and not been seen: the cluster may have become larger since.
	unseen = time.Second
)

// Controller annotates nodes. Its keys are nodes.
type Controller struct {
	client kubernetes.Interface
	nodes  corelisters.NodeLister
	writes *controller.Writes
	queue  *controller.Queue
	synced []cache.InformerSynced

	mu    sync.Mutex
	names sets.Set[string] // of the nodes there are
	step  int
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller {
	nodes := shared.Core().V1().Nodes()
	c := &Controller{client: client, nodes: nodes.Lister(), writes: controller.NewWrites(nodes.Informer().GetStore()), queue: controller.NewQueue(Name), names: sets.New[string]()}
	c.synced = []cache.InformerSynced{controller.Watch(nodes.Informer(), c.nodeChanged)}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// nodeChanged queues the node; all of them if the cluster has become so much
// larger or smaller that it matters.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	node := controller.Either(before, now)
	if now != nil {
		c.queue.Add(controller.Key(now))
	}
	c.mu.Lock()
	if now == nil {
		c.names.Delete(node.Name)
	} else {
		c.names.Insert(node.Name)
	}
	step := next(c.step, c.names.Len())
	changed := step != c.step
	c.step = step
	c.mu.Unlock()
	if !changed {
		return
	}
	all, err := c.nodes.List(labels.Everything())
	if err != nil {
		return
	}
	for _, node := range all {
		c.queue.Add(controller.Key(node))
	}
}

// Reconcile annotates the node.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.writes.Seen(key) {
		return unseen, nil
	}
	node, err := c.nodes.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	want := strconv.Itoa(steps[c.step].seconds)
	c.mu.Unlock()
	if have, there := node.Annotations[corev1.ObjectTTLAnnotationKey]; there && have == want {
		return 0, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{corev1.ObjectTTLAnnotationKey: want}}})
	if err != nil {
		return 0, err
	}
	updated, err := c.client.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("annotating node %s: %w", node.Name, err)
	}
	c.writes.Wrote(key, updated)
	return 0, nil
}
