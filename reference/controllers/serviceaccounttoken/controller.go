// Package serviceaccounttoken fills Secrets of the type kubernetes.io/service-account-token: with a
// token that does not expire, the cluster's certificate authority and the namespace. It deletes them
// with their ServiceAccount.
//
// https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets
package serviceaccounttoken

import (
	"bytes"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in logs.
const Name = "serviceaccount-token-controller"

// Controller fills token Secrets. Its keys are Secrets.
type Controller struct {
	client   kubernetes.Interface
	issuer   *serviceaccount.Issuer
	rootCA   []byte
	own      informers.SharedInformerFactory // of token Secrets alone
	secrets  corelisters.SecretLister
	accounts corelisters.ServiceAccountLister
	queue    *controller.Queue
	synced   []cache.InformerSynced
}

// New returns the controller that has tokens from a legacy issuer and hands out rootCA, PEM
// certificates (none if empty).
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, issuer *serviceaccount.Issuer, rootCA []byte) *Controller {
	own := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)).String()
	}))
	secrets, accounts := own.Core().V1().Secrets(), shared.Core().V1().ServiceAccounts()
	c := &Controller{
		client: client, issuer: issuer, rootCA: rootCA, own: own,
		secrets: secrets.Lister(), accounts: accounts.Lister(), queue: controller.NewQueue(Name),
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.Secret](secrets.Informer(), c.queue),
		controller.Watch(accounts.Informer(), func(before, now *corev1.ServiceAccount) {
			if before == nil || now == nil || before.UID != now.UID {
				c.enqueueOf(controller.Either(before, now))
			}
		}),
	}
	return c
}

// enqueueOf adds the Secrets of a ServiceAccount that has come or gone.
func (c *Controller) enqueueOf(sa *corev1.ServiceAccount) {
	list, err := c.secrets.Secrets(sa.Namespace).List(labels.Everything())
	if err != nil {
		return // a lister reads memory; it does not fail
	}
	for _, s := range list {
		if s.Annotations[corev1.ServiceAccountNameKey] == sa.Name {
			c.queue.Add(controller.Key(s))
		}
	}
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.own.StartWithContext(ctx)
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
	c.own.Shutdown()
}

// Reconcile fills the Secret, or deletes it if its ServiceAccount is not there.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	secret, err := c.secrets.Secrets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, c.forget(ctx, key)
	}
	if err != nil || secret.DeletionTimestamp != nil {
		return 0, err
	}
	sa, err := c.account(ctx, secret)
	if err != nil {
		return 0, err
	}
	if sa == nil {
		err := c.client.CoreV1().Secrets(key.Namespace).Delete(ctx, key.Name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}})
		if apierrors.IsNotFound(err) {
			return 0, nil
		}
		return 0, err
	}
	filled, err := c.fill(secret, sa)
	if err != nil || filled == nil {
		return 0, err
	}
	_, err = c.client.CoreV1().Secrets(key.Namespace).Update(ctx, filled, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	return 0, err
}

// account is the ServiceAccount that the Secret names, nil if there is none. What the cache does not
// have yet is asked for: a Secret must not be deleted because it came sooner than its account.
func (c *Controller) account(ctx context.Context, secret *corev1.Secret) (*corev1.ServiceAccount, error) {
	name, uid := secret.Annotations[corev1.ServiceAccountNameKey], secret.Annotations[corev1.ServiceAccountUIDKey]
	if name == "" {
		return nil, nil
	}
	same := func(sa *corev1.ServiceAccount) bool { return uid == "" || uid == string(sa.UID) }
	if sa, err := c.accounts.ServiceAccounts(secret.Namespace).Get(name); err == nil && same(sa) {
		return sa, nil
	}
	sa, err := c.client.CoreV1().ServiceAccounts(secret.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && !same(sa) {
		return nil, nil
	}
	return sa, err
}

// fill adds what the Secret lacks; nil if it lacks nothing. A token that stands there is left alone.
func (c *Controller) fill(secret *corev1.Secret, sa *corev1.ServiceAccount) (*corev1.Secret, error) {
	data := secret.Data
	needsCA := len(c.rootCA) > 0 && !bytes.Equal(data[corev1.ServiceAccountRootCAKey], c.rootCA)
	needsNamespace, needsToken := len(data[corev1.ServiceAccountNamespaceKey]) == 0, len(data[corev1.ServiceAccountTokenKey]) == 0
	if !needsCA && !needsNamespace && !needsToken {
		return nil, nil
	}
	filled := secret.DeepCopy()
	if filled.Data == nil {
		filled.Data = map[string][]byte{}
	}
	metav1.SetMetaDataAnnotation(&filled.ObjectMeta, corev1.ServiceAccountNameKey, sa.Name)
	metav1.SetMetaDataAnnotation(&filled.ObjectMeta, corev1.ServiceAccountUIDKey, string(sa.UID))
	if needsCA {
		filled.Data[corev1.ServiceAccountRootCAKey] = c.rootCA
	}
	if needsNamespace {
		filled.Data[corev1.ServiceAccountNamespaceKey] = []byte(secret.Namespace)
	}
	if needsToken {
		token, err := c.issuer.LegacyToken(sa, secret.Name)
		if err != nil {
			return nil, err
		}
		filled.Data[corev1.ServiceAccountTokenKey] = []byte(token)
	}
	return filled, nil
}

// forget takes a Secret that is gone off the lists of its namespace's ServiceAccounts. The cache may
// not show yet who lists it.
func (c *Controller) forget(ctx context.Context, key types.NamespacedName) error {
	accounts, err := c.client.CoreV1().ServiceAccounts(key.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range accounts.Items {
		sa := &accounts.Items[i]
		if !listed(sa, key.Name) {
			continue
		}
		changed := sa.DeepCopy()
		changed.Secrets = nil
		for _, r := range sa.Secrets {
			if r.Name != key.Name {
				changed.Secrets = append(changed.Secrets, r)
			}
		}
		_, err := c.client.CoreV1().ServiceAccounts(key.Namespace).Update(ctx, changed, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func listed(sa *corev1.ServiceAccount, secret string) bool {
	for _, r := range sa.Secrets {
		if r.Name == secret {
			return true
		}
	}
	return false
}
