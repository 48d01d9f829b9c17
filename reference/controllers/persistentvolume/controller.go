package persistentvolume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	volumehelpers "k8s.io/component-helpers/storage/volume"

	"github.com/etalon-dev/etalon/reference/admission/defaultstorageclass"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name for --controllers.
	Name = "persistentvolume-binder-controller"
	// Component is its name in events.
	Component = "persistentvolume-controller"
)

// Controller binds claims and volumes.
type Controller struct {
	client       kubernetes.Interface
	events       record.EventRecorder
	provisioners map[string]Provisioner
	claimLister  corelisters.PersistentVolumeClaimLister
	volumeLister corelisters.PersistentVolumeLister
	classLister  storagelisters.StorageClassLister
	claims       cache.SharedIndexInformer
	volumes      cache.SharedIndexInformer
	podsOf       func(claim types.NamespacedName) []*corev1.Pod
	// What was written on behalf of a key, so that it is not decided about again before the caches show it.
	claimWrites  *controller.Writes
	volumeWrites *controller.Writes
	queue        *controller.Queue
	synced       []cache.InformerSynced
}

// New returns the controller. It has volumes made and deleted by the provisioners, which are known by the names that
// StorageClasses give; any other provisioner works outside.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder, provisioners map[string]Provisioner) *Controller {
	claims, volumes := shared.Core().V1().PersistentVolumeClaims(), shared.Core().V1().PersistentVolumes()
	classes, pods := shared.Storage().V1().StorageClasses(), shared.Core().V1().Pods()
	c := &Controller{
		client:       client,
		events:       events,
		provisioners: provisioners,
		claimLister:  claims.Lister(),
		volumeLister: volumes.Lister(),
		classLister:  classes.Lister(),
		claims:       claims.Informer(),
		volumes:      volumes.Informer(),
		podsOf:       controller.PodsByClaim(pods.Informer()),
		claimWrites:  controller.NewWrites(claims.Informer().GetStore()),
		volumeWrites: controller.NewWrites(volumes.Informer().GetStore()),
		queue:        controller.NewQueue(Name),
	}
	// They fail only if another index has the name, or the informer runs already.
	_ = c.claims.AddIndexers(claimIndexes)
	_ = c.volumes.AddIndexers(volumeIndexes)
	c.synced = []cache.InformerSynced{
		controller.Watch(c.claims, c.claimChanged),
		controller.Watch(c.volumes, c.volumeChanged),
		controller.Watch(classes.Informer(), c.classChanged),
		controller.Watch(pods.Informer(), c.podChanged),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

func (c *Controller) builtIn(provisioner string) bool { return c.provisioners[provisioner] != nil }

// Reconcile looks at a claim, or at a volume if the key has no namespace.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	if !c.seen(key) {
		return controller.StaleCache, nil
	}
	var err error
	if key.Namespace == "" {
		err = c.reconcileVolume(ctx, key)
	} else {
		err = c.reconcileClaim(ctx, key)
	}
	if err != nil {
		return 0, fmt.Errorf("binding %s: %w", key, err)
	}
	if !c.seen(key) {
		return controller.StaleCache, nil
	}
	return 0, nil
}

// seen reports whether the caches show all that was written for the key.
func (c *Controller) seen(key types.NamespacedName) bool {
	return c.claimWrites.Seen(key) && c.volumeWrites.Seen(key)
}

func (c *Controller) reconcileClaim(ctx context.Context, key types.NamespacedName) error {
	claim, err := c.claimLister.PersistentVolumeClaims(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	view, err := c.look(claim)
	if err != nil {
		return err
	}
	plan, err := planClaim(view)
	if err != nil {
		return err
	}
	if plan.phase == corev1.ClaimLost && claim.Status.Phase != corev1.ClaimLost {
		// The caches know claims and volumes of different moments; that data is lost is not said on their word.
		if view.volume, err = c.liveVolume(ctx, claim.Spec.VolumeName); err != nil {
			return err
		}
		if plan, err = planClaim(view); err != nil {
			return err
		}
	}
	return c.carryOut(ctx, claim, plan)
}

// look gathers what the decision about the claim depends on.
func (c *Controller) look(claim *corev1.PersistentVolumeClaim) (*claimView, error) {
	view := &claimView{claim: claim, builtIn: c.builtIn}
	var err error
	if claim.Spec.VolumeName != "" {
		view.volume, err = c.volumeLister.Get(claim.Spec.VolumeName)
		return view, ignoreNotFound(err)
	}
	name := volumehelpers.GetPersistentVolumeClaimClass(claim)
	if view.class, err = c.classLister.Get(name); ignoreNotFound(err) != nil {
		return nil, err
	}
	classes, err := c.classLister.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	view.fallback = defaultstorageclass.Default(classes)
	key := controller.Key(claim)
	view.candidates = append(controller.Indexed[*corev1.PersistentVolume](c.volumes, byClaim, key.String()), controller.Indexed[*corev1.PersistentVolume](c.volumes, freeByClass, name)...)
	for _, pod := range c.podsOf(key) {
		if pod.Spec.NodeName == "" && !controller.IsFinished(pod) {
			view.unscheduled = append(view.unscheduled, pod.Name)
		}
	}
	slices.Sort(view.unscheduled)
	return view, nil
}

// carryOut does what was planned for the claim.
func (c *Controller) carryOut(ctx context.Context, claim *corev1.PersistentVolumeClaim, plan claimPlan) error {
	switch {
	case plan.bind != nil:
		return c.bind(ctx, claim, plan.bind)
	case plan.fallback != "":
		classed := claim.DeepCopy()
		classed.Spec.StorageClassName = &plan.fallback
		_, err := c.updateClaim(ctx, claim, classed)
		return err
	case plan.phase == "":
		return nil
	}
	if plan.provision != nil {
		if named, changed := annotated(claim, plan.provision.Provisioner); changed {
			_, err := c.updateClaim(ctx, claim, named)
			return err
		}
	}
	before := claim.Status.Phase
	claim, err := c.setClaimStatus(ctx, claim, plan.phase, nil)
	if err != nil {
		return err
	}
	if plan.event != nil && (!plan.once || before != plan.phase) {
		c.events.Event(claim, plan.event.kind, plan.event.reason, plan.event.message)
	}
	if plan.provision != nil && c.builtIn(plan.provision.Provisioner) {
		return c.provision(ctx, claim, plan.provision)
	}
	return nil
}

// bind writes what is missing of the binding, in the order that is safe to be interrupted in.
func (c *Controller) bind(ctx context.Context, claim *corev1.PersistentVolumeClaim, volume *corev1.PersistentVolume) error {
	key := controller.Key(claim)
	bound, changed, err := volumehelpers.GetBindVolumeToClaim(volume, claim)
	if err != nil {
		return err
	}
	if changed {
		if volume, err = c.updateVolume(ctx, key, bound); err != nil {
			return err
		}
	}
	if volume, _, err = c.setVolumePhase(ctx, key, volume, corev1.VolumeBound, ""); err != nil {
		return err
	}
	if named, changed := boundClaim(claim, volume); changed {
		if claim, err = c.updateClaim(ctx, claim, named); err != nil {
			return err
		}
	}
	_, err = c.setClaimStatus(ctx, claim, corev1.ClaimBound, volume)
	return err
}

// provision has a volume made for the claim. The volume names the claim; the binding goes on from there.
func (c *Controller) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	request := requestFor(claim, class)
	made, err := c.liveVolume(ctx, request.Name)
	if made != nil || err != nil {
		return err
	}
	provisioner := c.provisioners[class.Provisioner]
	if made, err = provisioner.Provision(ctx, request); err != nil {
		c.events.Eventf(claim, corev1.EventTypeWarning, ProvisioningFailed, "Failed to provision volume with StorageClass %q: %v", class.Name, err)
		return errors.Join(err, c.giveBack(ctx, claim))
	}
	if made, err = provisioned(made, request); err != nil {
		return err
	}
	created, err := c.client.CoreV1().PersistentVolumes().Create(ctx, made, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsInvalid(err) || apierrors.IsForbidden(err):
		// It was not made, for certain, and will not be the next time.
		c.events.Eventf(claim, corev1.EventTypeWarning, ProvisioningFailed, "Error creating provisioned PV object for claim %s: %v. Deleting the volume.",
			controller.Key(claim), err)
		if failure := provisioner.Delete(ctx, made); failure != nil {
			c.events.Eventf(claim, corev1.EventTypeWarning, ProvisioningCleanupFailed, "Error cleaning provisioned volume for claim %s: %v. Please delete manually.",
				controller.Key(claim), failure)
		}
		return err
	case err != nil:
		return err
	}
	c.volumeWrites.Wrote(controller.Key(claim), created)
	c.events.Eventf(claim, corev1.EventTypeNormal, ProvisioningSucceeded, "Successfully provisioned volume %s using %s", created.Name, class.Provisioner)
	return nil
}

// giveBack takes the chosen node from the claim: the scheduler may find another.
func (c *Controller) giveBack(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if claim.Annotations[volumehelpers.AnnSelectedNode] == "" {
		return nil
	}
	free := claim.DeepCopy()
	delete(free.Annotations, volumehelpers.AnnSelectedNode)
	_, err := c.updateClaim(ctx, claim, free)
	return err
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
