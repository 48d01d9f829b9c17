// Package rootca keeps the ConfigMap kube-root-ca.crt in every namespace: the
// certificate authority by which pods know the API server. Projected service
// account volumes take it from there.
package rootca

import (
	"context"
	"maps"
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

const (
	// Name is the controller's name in logs.
	Name = "root-ca-certificate-publisher-controller"
	// ConfigMap is the name of the ConfigMap.
	ConfigMap = "kube-root-ca.crt"
	// Key is the key under which it holds the PEM certificates.
	Key = "ca.crt"

	descriptionAnnotation = "kubernetes.io/description"
	description           = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints " +
		"such as the internal service IP or kubernetes.default.svc. " +
		"No other usage is guaranteed across distributions of Kubernetes clusters."
)

// Controller publishes the certificates. Its keys are namespaces.
type Controller struct {
	client     kubernetes.Interface
	rootCA     string
	namespaces corelisters.NamespaceLister
	maps       corelisters.ConfigMapLister
	queue      *controller.Queue
	synced     []cache.InformerSynced
}

// New returns the publisher of rootCA, one or more PEM certificates.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, rootCA []byte) *Controller {
	namespaces, configMaps := shared.Core().V1().Namespaces(), shared.Core().V1().ConfigMaps()
	c := &Controller{
		client:     client,
		rootCA:     string(rootCA),
		namespaces: namespaces.Lister(),
		maps:       configMaps.Lister(),
		queue:      controller.NewQueue(Name),
	}
	c.synced = []cache.InformerSynced{
		controller.WatchKeys[*corev1.Namespace](namespaces.Informer(), c.queue),
		controller.Watch(configMaps.Informer(), func(before, now *corev1.ConfigMap) {
			if cm := controller.Either(before, now); cm.Name == ConfigMap {
				c.queue.Add(types.NamespacedName{Name: cm.Namespace})
			}
		}),
	}
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile makes the namespace's ConfigMap, or puts it right.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	namespace, err := c.namespaces.Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && namespace.Status.Phase == corev1.NamespaceTerminating {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	have, err := c.maps.ConfigMaps(key.Name).Get(ConfigMap)
	switch {
	case apierrors.IsNotFound(err):
		_, err = c.client.CoreV1().ConfigMaps(key.Name).Create(ctx, c.corrected(key.Name, nil), metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			err = nil
		}
	case err == nil && !c.right(have):
		_, err = c.client.CoreV1().ConfigMaps(key.Name).Update(ctx, c.corrected(key.Name, have), metav1.UpdateOptions{})
	}
	return 0, err
}

func (c *Controller) right(have *corev1.ConfigMap) bool {
	return maps.Equal(have.Data, map[string]string{Key: c.rootCA}) && len(have.BinaryData) == 0 &&
		have.Annotations[descriptionAnnotation] != ""
}

// corrected is have, or a new ConfigMap, with the data it should have.
func (c *Controller) corrected(namespace string, have *corev1.ConfigMap) *corev1.ConfigMap {
	want := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: ConfigMap, Namespace: namespace}}
	if have != nil {
		want = have.DeepCopy()
	}
	want.Data, want.BinaryData = map[string]string{Key: c.rootCA}, nil
	metav1.SetMetaDataAnnotation(&want.ObjectMeta, descriptionAnnotation, description)
	return want
}
