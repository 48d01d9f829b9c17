// Package bootstrap keeps what nodes join a cluster by: the signatures of the ConfigMap cluster-info in kube-public by every
// bootstrap token, and no tokens that have expired (docs: reference/access-authn-authz/bootstrap-tokens).
package bootstrap

import (
	"context"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/auth/bootstraptoken"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// The controllers' names in logs.
const (
	SignerName  = "bootstrap-signer-controller"
	CleanerName = "token-cleaner-controller"
)

var clusterInfo = types.NamespacedName{Namespace: metav1.NamespacePublic, Name: bootstraptoken.ClusterInfo}

// Signer keeps the signatures. Its only key is the ConfigMap.
type Signer struct {
	client  kubernetes.Interface
	maps    corelisters.ConfigMapLister
	secrets corelisters.SecretLister
	queue   *controller.Queue
	synced  []cache.InformerSynced
	now     func() time.Time
}

// NewSigner returns the signer.
func NewSigner(client kubernetes.Interface, shared informers.SharedInformerFactory) *Signer {
	configMaps, secrets := shared.Core().V1().ConfigMaps(), shared.Core().V1().Secrets()
	c := &Signer{client: client, maps: configMaps.Lister(), secrets: secrets.Lister(), queue: controller.NewQueue(SignerName), now: time.Now}
	c.synced = []cache.InformerSynced{
		controller.Watch(configMaps.Informer(), func(before, now *corev1.ConfigMap) {
			if key := controller.Key(controller.Either(before, now)); key == clusterInfo {
				c.queue.Add(key)
			}
		}),
		controller.Watch(secrets.Informer(), func(before, now *corev1.Secret) {
			if s := controller.Either(before, now); s.Namespace == metav1.NamespaceSystem && s.Type == corev1.SecretTypeBootstrapToken {
				c.queue.Add(clusterInfo)
			}
		}),
	}
	return c
}

// Run works until ctx ends.
func (c *Signer) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile puts the signatures right. Without the ConfigMap there is nothing to sign.
func (c *Signer) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	have, err := c.maps.ConfigMaps(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	secrets, err := c.secrets.Secrets(metav1.NamespaceSystem).List(labels.Everything())
	if err != nil {
		return 0, err
	}
	data, err := signed(have.Data, secrets, c.now())
	if err != nil || maps.Equal(data, have.Data) {
		return 0, err
	}
	want := have.DeepCopy()
	want.Data = data
	_, err = c.client.CoreV1().ConfigMaps(key.Namespace).Update(ctx, want, metav1.UpdateOptions{})
	return 0, err
}

// Cleaner deletes tokens when they expire. Its keys are their Secrets.
type Cleaner struct {
	client  kubernetes.Interface
	secrets corelisters.SecretLister
	queue   *controller.Queue
	synced  cache.InformerSynced
	now     func() time.Time
}

// NewCleaner returns the cleaner.
func NewCleaner(client kubernetes.Interface, shared informers.SharedInformerFactory) *Cleaner {
	secrets := shared.Core().V1().Secrets()
	c := &Cleaner{client: client, secrets: secrets.Lister(), queue: controller.NewQueue(CleanerName), now: time.Now}
	c.synced = controller.Watch(secrets.Informer(), func(before, now *corev1.Secret) {
		if s := controller.Either(before, now); s.Namespace == metav1.NamespaceSystem && s.Type == corev1.SecretTypeBootstrapToken {
			c.queue.Add(controller.Key(s))
		}
	})
	return c
}

// Run works until ctx ends.
func (c *Cleaner) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced)
}

// Reconcile deletes the token if it has expired, or comes back when it will.
func (c *Cleaner) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	s, err := c.secrets.Secrets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && !token(s) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	end, limited := expiration(s)
	if !limited {
		return 0, nil
	}
	if left := end.Sub(c.now()); left > 0 {
		return left, nil
	}
	err = c.client.CoreV1().Secrets(key.Namespace).Delete(ctx, key.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &s.UID, ResourceVersion: &s.ResourceVersion}})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	return 0, err
}
