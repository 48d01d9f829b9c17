// Package servicecidrs keeps the ranges of cluster IPs: a ServiceCIDR is Ready and protected by a
// finalizer, and once deleted it stays, and gives out no address, for as long as addresses depend on it.
// See https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/ and KEP-1880.
package servicecidrs

import (
	"context"
	"net/netip"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in logs.
	Name = "service-cidr-controller"
	// Finalizer holds a ServiceCIDR while addresses depend on it.
	Finalizer = "networking.k8s.io/service-cidr-finalizer"

	// allocatorName is the managed-by label of the addresses of Services.
	allocatorName = "ipallocator.k8s.io"
	// deletionGrace is how long a deleted ServiceCIDR stays at least: by then every API server knows
	// that it must not allocate from it.
	deletionGrace = 10 * time.Second

	readyMessage  = "Kubernetes Service CIDR is ready"
	orphanMessage = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
)

// Controller keeps ServiceCIDRs. Its keys are their names.
type Controller struct {
	client    kubernetes.Interface
	cidrs     networkinglisters.ServiceCIDRLister
	addresses networkinglisters.IPAddressLister
	queue     *controller.Queue
	synced    []cache.InformerSynced
	grace     time.Duration
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller {
	cidrs, addresses := shared.Networking().V1().ServiceCIDRs(), shared.Networking().V1().IPAddresses()
	c := &Controller{
		client: client, cidrs: cidrs.Lister(), addresses: addresses.Lister(),
		queue: controller.NewQueue(Name), grace: deletionGrace,
	}
	c.synced = []cache.InformerSynced{
		controller.Watch(cidrs.Informer(), func(before, now *networkingv1.ServiceCIDR) {
			changed := controller.Either(before, now)
			c.add(func(other *networkingv1.ServiceCIDR) bool { return overlap(changed, other) })
			c.queue.Add(types.NamespacedName{Name: changed.Name})
		}),
		controller.Watch(addresses.Informer(), func(before, now *networkingv1.IPAddress) {
			addr, err := netip.ParseAddr(controller.Either(before, now).Name)
			c.add(func(other *networkingv1.ServiceCIDR) bool { return err == nil && contains(other, addr) })
		}),
	}
	return c
}

// add queues the ServiceCIDRs that are being deleted and that concerns says the change is about.
func (c *Controller) add(concerns func(*networkingv1.ServiceCIDR) bool) {
	cidrs, err := c.cidrs.List(labels.Everything())
	if err != nil {
		return
	}
	for _, cidr := range cidrs {
		if cidr.DeletionTimestamp != nil && concerns(cidr) {
			c.queue.Add(types.NamespacedName{Name: cidr.Name})
		}
	}
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile protects a ServiceCIDR and marks it ready, or lets it go once nothing depends on it.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	cached, err := c.cidrs.Get(key.Name)
	if err != nil {
		return 0, ignore(err, apierrors.IsNotFound)
	}
	cidr := cached.DeepCopy()
	if cidr.DeletionTimestamp != nil {
		return c.letGo(ctx, cidr)
	}
	if !slices.Contains(cidr.Finalizers, Finalizer) {
		cidr.Finalizers = append(cidr.Finalizers, Finalizer)
		if cidr, err = c.client.NetworkingV1().ServiceCIDRs().Update(ctx, cidr, metav1.UpdateOptions{}); err != nil {
			return 0, ignore(err, apierrors.IsNotFound)
		}
	}
	if meta.IsStatusConditionTrue(cidr.Status.Conditions, networkingv1.ServiceCIDRConditionReady) {
		return 0, nil
	}
	return 0, c.setReady(ctx, cidr, metav1.Condition{Status: metav1.ConditionTrue, Message: readyMessage})
}

// letGo takes the finalizer from a deleted ServiceCIDR, or says why it must stay.
func (c *Controller) letGo(ctx context.Context, cidr *networkingv1.ServiceCIDR) (time.Duration, error) {
	if !slices.Contains(cidr.Finalizers, Finalizer) {
		return 0, nil
	}
	cidrs, err := c.cidrs.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	addresses, err := c.addresses.List(labels.SelectorFromSet(labels.Set{networkingv1.LabelManagedBy: allocatorName}))
	if err != nil {
		return 0, err
	}
	if orphans(cidr, cidrs, addresses) {
		return 0, c.setReady(ctx, cidr, metav1.Condition{
			Status: metav1.ConditionFalse, Reason: networkingv1.ServiceCIDRReasonTerminating, Message: orphanMessage,
		})
	}
	if left := c.grace - time.Since(cidr.DeletionTimestamp.Time); left > 0 {
		return left, nil
	}
	cidr.Finalizers = slices.DeleteFunc(cidr.Finalizers, func(f string) bool { return f == Finalizer })
	_, err = c.client.NetworkingV1().ServiceCIDRs().Update(ctx, cidr, metav1.UpdateOptions{})
	return 0, ignore(err, apierrors.IsNotFound)
}

func (c *Controller) setReady(ctx context.Context, cidr *networkingv1.ServiceCIDR, condition metav1.Condition) error {
	condition.Type = networkingv1.ServiceCIDRConditionReady
	if !meta.SetStatusCondition(&cidr.Status.Conditions, condition) {
		return nil
	}
	_, err := c.client.NetworkingV1().ServiceCIDRs().UpdateStatus(ctx, cidr, metav1.UpdateOptions{})
	return ignore(err, apierrors.IsNotFound)
}

func ignore(err error, is func(error) bool) error {
	if is(err) {
		return nil
	}
	return err
}
