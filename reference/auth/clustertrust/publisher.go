package clustertrust

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

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

var key = types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: Name}

const namespaceRetry = 20 * time.Millisecond

// publisher keeps the ConfigMap as it should be.
type publisher struct {
	client kubernetes.Interface
	trust  Trust
	maps   corelisters.ConfigMapNamespaceLister
	queue  *controller.Queue
}

// Publish writes the ConfigMap and keeps it up to date until ctx ends: when a file of certificates
// changes, and when somebody else changes or deletes it.
func Publish(ctx context.Context, client kubernetes.Interface, trust Trust) {
	shared := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(metav1.NamespaceSystem),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, Name).String()
		}))
	configMaps := shared.Core().V1().ConfigMaps()
	p := &publisher{
		client: client, trust: trust,
		maps:  configMaps.Lister().ConfigMaps(metav1.NamespaceSystem),
		queue: controller.NewQueue("cluster-authentication-trust"),
	}
	synced := controller.WatchKeys[*corev1.ConfigMap](configMaps.Informer(), p.queue)
	if trust.ClientCA != nil {
		trust.ClientCA.AddListener(p)
	}
	if trust.RequestHeader != nil {
		trust.RequestHeader.CAContentProvider.AddListener(p)
	}
	shared.StartWithContext(ctx)
	p.Enqueue()
	p.queue.Run(ctx, 1, p.reconcile, synced)
	shared.Shutdown()
}

// Enqueue implements dynamiccertificates.Listener.
func (p *publisher) Enqueue() { p.queue.Add(key) }

func (p *publisher) reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	have, err := p.maps.Get(Name)
	if apierrors.IsNotFound(err) {
		data, err := p.trust.merge(nil, time.Now())
		if err != nil {
			return 0, err
		}
		created := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: Name}, Data: data}
		_, err = p.client.CoreV1().ConfigMaps(key.Namespace).Create(ctx, created, metav1.CreateOptions{})
		if apierrors.IsNotFound(err) {
			return namespaceRetry, nil // kube-system is being made
		}
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	data, err := p.trust.merge(have.Data, time.Now())
	if err != nil || maps.Equal(data, have.Data) {
		return 0, err
	}
	changed := have.DeepCopy()
	changed.Data = data
	_, err = p.client.CoreV1().ConfigMaps(key.Namespace).Update(ctx, changed, metav1.UpdateOptions{})
	return 0, err
}
