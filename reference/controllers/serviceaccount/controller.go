// Package serviceaccount makes sure that every namespace has a ServiceAccount
// named default: pods that name no other run as it.
//
// Documentation: concepts/security/service-accounts#default-service-accounts.
package serviceaccount

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in logs.
const Name = "serviceaccount-controller"

// Default is the name of the ServiceAccount.
const Default = "default"

// Controller makes default ServiceAccounts. Its keys are namespaces.
type Controller struct {
	client     kubernetes.Interface
	namespaces corelisters.NamespaceLister
	accounts   corelisters.ServiceAccountLister
	queue      *controller.Queue
	synced     []cache.InformerSynced
}

// New returns the controller of default ServiceAccounts.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller {
	namespaces, accounts := shared.Core().V1().Namespaces(), shared.Core().V1().ServiceAccounts()
	c := &Controller{
		client:     client,
		namespaces: namespaces.Lister(),
		accounts:   accounts.Lister(),
		queue:      controller.NewQueue(Name),
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.Namespace](namespaces.Informer(), c.queue),
		controller.Watch(accounts.Informer(), func(before, now *corev1.ServiceAccount) {
			if now == nil && before.Name == Default {
				c.queue.Add(types.NamespacedName{Name: before.Namespace})
			}
		}),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile makes the ServiceAccount unless the namespace is going away.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	namespace, err := c.namespaces.Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && namespace.Status.Phase == corev1.NamespaceTerminating {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if _, err := c.accounts.ServiceAccounts(key.Name).Get(Default); !apierrors.IsNotFound(err) {
		return 0, err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: Default, Namespace: key.Name}}
	_, err = c.client.CoreV1().ServiceAccounts(key.Name).Create(ctx, account, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return 0, nil
	}
	return 0, err
}
