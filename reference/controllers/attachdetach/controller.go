package attachdetach

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name for --controllers.
	Name = "persistentvolume-attach-detach-controller"
	// Component is its name in events.
	Component = "attachdetach-controller"
	// DefaultSyncPeriod is how often a node with attachments is looked at although nothing has changed.
	DefaultSyncPeriod = time.Minute
)

// Options say how it works. The zero value is the default.
type Options struct {
	// SyncPeriod is DefaultSyncPeriod if zero; nodes are not looked at again if negative.
	SyncPeriod time.Duration
	// NoForcedDetach leaves volumes attached to nodes that are not healthy, however long.
	NoForcedDetach bool
}

// Controller attaches and detaches.
type Controller struct {
	Options
	client      kubernetes.Interface
	events      record.EventRecorder
	nodes       corelisters.NodeLister
	claims      corelisters.PersistentVolumeClaimLister
	volumes     corelisters.PersistentVolumeLister
	drivers     storagelisters.CSIDriverLister
	attachments cache.SharedIndexInformer
	podsOn      func(node string) []*corev1.Pod
	podsOf      func(claim types.NamespacedName) []*corev1.Pod
	nodeWrites  *controller.Writes
	// Of attachments, on behalf of the node, and on behalf of the volume, whose key has no namespace either.
	ofNode, ofVolume *controller.Writes
	queue            *controller.Queue
	synced           []cache.InformerSynced
	now              func() time.Time

	mu       sync.Mutex                      // is held for memory only, never over a request
	unwanted map[string]map[string]time.Time // by node and attachment
	told     map[string]string               // by attachment: what was last told about it
	known    map[string]map[string]bool      // by node: the attachments that something may have been told about
	taken    map[string]taker                // by volume
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder, options Options) *Controller {
	if options.SyncPeriod == 0 {
		options.SyncPeriod = DefaultSyncPeriod
	}
	core, storage := shared.Core().V1(), shared.Storage().V1()
	attachments := storage.VolumeAttachments().Informer()
	c := &Controller{
		Options:     options,
		client:      client,
		events:      events,
		nodes:       core.Nodes().Lister(),
		claims:      core.PersistentVolumeClaims().Lister(),
		volumes:     core.PersistentVolumes().Lister(),
		drivers:     storage.CSIDrivers().Lister(),
		attachments: attachments,
		podsOn:      controller.PodsByNode(core.Pods().Informer()),
		podsOf:      controller.PodsByClaim(core.Pods().Informer()),
		nodeWrites:  controller.NewWrites(core.Nodes().Informer().GetStore()),
		ofNode:      controller.NewWrites(attachments.GetStore()),
		ofVolume:    controller.NewWrites(attachments.GetStore()),
		queue:       controller.NewQueue(Name),
		now:         time.Now,
		unwanted:    map[string]map[string]time.Time{},
		told:        map[string]string{},
		known:       map[string]map[string]bool{},
		taken:       map[string]taker{},
	}
	// It fails only if another index has the name, or the informer runs already.
	_ = attachments.AddIndexers(attachmentIndexes)
	c.synced = []cache.InformerSynced{
		controller.Watch(core.Pods().Informer(), c.podChanged),
		controller.Watch(core.Nodes().Informer(), c.nodeChanged),
		controller.Watch(core.PersistentVolumeClaims().Informer(), c.claimChanged),
		controller.Watch(core.PersistentVolumes().Informer(), c.volumeChanged),
		controller.Watch(attachments, c.attachmentChanged),
		controller.Watch(storage.CSIDrivers().Informer(), c.driverChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile brings what is attached to the node in line with what its pods use.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if err := c.learn(ctx, key); err != nil {
		return 0, err
	}
	if !c.nodeWrites.Seen(key) || !c.ofNode.Seen(key) {
		return 0, nil // What the caches get to know next brings us back.
	}
	v, err := c.look(key.Name)
	if err != nil {
		return 0, err
	}
	d := plan(v)
	c.remember(key.Name, d.unwanted)
	c.tellOf(v)
	for _, w := range d.blocked {
		c.tellBlocked(v, w)
	}
	// A node knows that a volume goes before it does. Where it could not be told, the volume stays.
	if v.node != nil {
		if err := c.tellNode(ctx, v.node, d.attached); err != nil {
			return 0, err
		}
	}
	var errs []error
	for _, a := range d.detach {
		errs = append(errs, c.detach(ctx, key, a))
	}
	for _, w := range d.attach {
		errs = append(errs, c.attach(ctx, key, w))
	}
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	again := d.again
	if len(v.attachments) > 0 && c.SyncPeriod > 0 && (again == 0 || c.SyncPeriod < again) {
		again = c.SyncPeriod
	}
	return again, nil
}

// look gathers what the decision about the node depends on.
func (c *Controller) look(name string) (*view, error) {
	v := &view{
		name:        name,
		desired:     map[string]wanted{},
		attachments: controller.Indexed[*storagev1.VolumeAttachment](c.attachments, byNode, name),
		elsewhere:   func(volume string) []string { return c.elsewhere(volume, name) },
		volume: func(volume string) *corev1.PersistentVolume {
			v, err := c.volumes.Get(volume)
			if err != nil {
				return nil // it is gone: a lister reads memory
			}
			return v
		},
		patient: c.NoForcedDetach,
		now:     c.now(),
	}
	c.mu.Lock()
	v.unwanted = c.unwanted[name]
	c.mu.Unlock()
	var err error
	if v.node, err = c.nodes.Get(name); err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	for _, pod := range c.podsOn(name) {
		if !uses(pod) {
			continue
		}
		for i := range pod.Spec.Volumes {
			volume := c.attachable(pod, &pod.Spec.Volumes[i])
			if volume == nil {
				continue
			}
			attachment := attachmentName(volume, name)
			w := v.desired[attachment]
			w.volume, w.pods = volume, append(w.pods, pod)
			v.desired[attachment] = w
		}
	}
	return v, nil
}

// attachable returns the volume behind the one of the pod, nil if there is none yet or if it is not for attaching.
func (c *Controller) attachable(pod *corev1.Pod, v *corev1.Volume) *corev1.PersistentVolume {
	name := ""
	switch {
	case v.PersistentVolumeClaim != nil:
		name = v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		name = ephemeral.VolumeClaimName(pod, v)
	default:
		return nil
	}
	claim, err := c.claims.PersistentVolumeClaims(pod.Namespace).Get(name)
	if err != nil || claim.Spec.VolumeName == "" || claim.Status.Phase != corev1.ClaimBound ||
		v.Ephemeral != nil && ephemeral.VolumeIsForPod(pod, claim) != nil {
		return nil
	}
	volume, err := c.volumes.Get(claim.Spec.VolumeName)
	if err != nil || volume.Spec.CSI == nil || volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.UID != claim.UID {
		return nil
	}
	driver, err := c.drivers.Get(volume.Spec.CSI.Driver)
	if err == nil && !ptr.Deref(driver.Spec.AttachRequired, true) {
		return nil
	}
	return volume
}

func (c *Controller) remember(node string, unwanted map[string]time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(unwanted) == 0 {
		delete(c.unwanted, node)
	} else {
		c.unwanted[node] = unwanted
	}
}
