package replication

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/replicas"
)

// Name is the controller's name in events and logs.
const Name = "replication-controller"

// New returns the controller of ReplicationControllers.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *replicas.Controller {
	core := shared.Core().V1()
	return replicas.New(Name, kind{client: client, informer: core.ReplicationControllers()}, client, core.Pods(), events)
}

// kind reads and writes ReplicationControllers.
type kind struct {
	client   kubernetes.Interface
	informer coreinformers.ReplicationControllerInformer
}

func (kind) GVK() schema.GroupVersionKind {
	return corev1.SchemeGroupVersion.WithKind("ReplicationController")
}
func (kind) Terminating() bool                     { return false }
func (k kind) Informer() cache.SharedIndexInformer { return k.informer.Informer() }

func (k kind) Get(key types.NamespacedName) (*replicas.Set, error) {
	rc, err := k.informer.Lister().ReplicationControllers(key.Namespace).Get(key.Name)
	if err != nil {
		return nil, err
	}
	return set(rc), nil
}

func (k kind) List(namespace string) ([]*replicas.Set, error) {
	all, err := k.informer.Lister().ReplicationControllers(namespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	sets := make([]*replicas.Set, 0, len(all))
	for _, rc := range all {
		sets = append(sets, set(rc))
	}
	return sets, nil
}

func (k kind) Live(ctx context.Context, key types.NamespacedName) (metav1.Object, error) {
	return k.client.CoreV1().ReplicationControllers(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
}

func (k kind) UpdateStatus(ctx context.Context, s *replicas.Set, status replicas.Status) (metav1.Object, error) {
	rc := s.Object.(*corev1.ReplicationController).DeepCopy()
	rc.Status = toAPI(status, rc.Status.Conditions)
	return k.client.CoreV1().ReplicationControllers(rc.Namespace).UpdateStatus(ctx, rc, metav1.UpdateOptions{})
}

func set(rc *corev1.ReplicationController) *replicas.Set {
	template := rc.Spec.Template
	if template == nil {
		template = &corev1.PodTemplateSpec{}
	}
	selector := labels.SelectorFromSet(rc.Spec.Selector)
	if len(rc.Spec.Selector) == 0 {
		selector = labels.Nothing() // the API fills it in; never take everything for ours
	}
	return &replicas.Set{
		Object:          rc,
		Selector:        selector,
		Replicas:        ptr.Deref(rc.Spec.Replicas, 1),
		MinReadySeconds: rc.Spec.MinReadySeconds,
		Template:        template,
		Status:          fromAPI(rc.Status),
	}
}
