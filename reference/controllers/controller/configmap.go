package controller

import (
	"context"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// namespaceRetry is how soon to try again while the namespace is being made.
const namespaceRetry = 20 * time.Millisecond

// ConfigMapKeeper keeps the data of one ConfigMap as it should be.
type ConfigMapKeeper struct {
	client kubernetes.Interface
	key    types.NamespacedName
	want   func(have map[string]string) (map[string]string, error)
	maps   corelisters.ConfigMapLister
	queue  *Queue
}

// KeepConfigMap returns the keeper of a ConfigMap. It asks want, which is told what stands there (nil
// while there is no ConfigMap), what should.
func KeepConfigMap(client kubernetes.Interface, key types.NamespacedName, want func(have map[string]string) (map[string]string, error)) *ConfigMapKeeper {
	return &ConfigMapKeeper{client: client, key: key, want: want, queue: NewQueue(key.Name)}
}

// Enqueue makes the keeper ask again, as when what it should say has changed.
func (k *ConfigMapKeeper) Enqueue() { k.queue.Add(k.key) }

// Run works until ctx ends.
func (k *ConfigMapKeeper) Run(ctx context.Context) {
	shared := informers.NewSharedInformerFactoryWithOptions(k.client, 0, informers.WithNamespace(k.key.Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, k.key.Name).String()
		}))
	configMaps := shared.Core().V1().ConfigMaps()
	k.maps = configMaps.Lister()
	synced := WatchKeys[*corev1.ConfigMap](configMaps.Informer(), k.queue)
	shared.StartWithContext(ctx)
	k.Enqueue()
	k.queue.Run(ctx, 1, k.reconcile, synced)
	shared.Shutdown()
}

func (k *ConfigMapKeeper) reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	api := k.client.CoreV1().ConfigMaps(k.key.Namespace)
	have, err := k.maps.ConfigMaps(k.key.Namespace).Get(k.key.Name)
	if apierrors.IsNotFound(err) {
		data, err := k.want(nil)
		if err != nil {
			return 0, err
		}
		created := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: k.key.Namespace, Name: k.key.Name}, Data: data}
		_, err = api.Create(ctx, created, metav1.CreateOptions{})
		if apierrors.IsNotFound(err) {
			return namespaceRetry, nil
		}
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	data, err := k.want(have.Data)
	if err != nil || maps.Equal(data, have.Data) {
		return 0, err
	}
	changed := have.DeepCopy()
	changed.Data = data
	_, err = api.Update(ctx, changed, metav1.UpdateOptions{})
	return 0, err
}
