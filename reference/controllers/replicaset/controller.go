package replicaset

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	appsinformers "k8s.io/client-go/informers/apps/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/replicas"
)

// Name is the controller's name in events and logs.
const Name = "replicaset-controller"

// New returns the controller of ReplicaSets.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) *replicas.Controller {
	sets := kind{client: client, informer: shared.Apps().V1().ReplicaSets()}
	return replicas.New(Name, sets, client, shared.Core().V1().Pods(), events)
}

// kind reads and writes ReplicaSets.
type kind struct {
	client   kubernetes.Interface
	informer appsinformers.ReplicaSetInformer
}

func (kind) GVK() schema.GroupVersionKind          { return appsv1.SchemeGroupVersion.WithKind("ReplicaSet") }
func (kind) Terminating() bool                     { return true }
func (k kind) Informer() cache.SharedIndexInformer { return k.informer.Informer() }

func (k kind) Get(key types.NamespacedName) (*replicas.Set, error) {
	rs, err := k.informer.Lister().ReplicaSets(key.Namespace).Get(key.Name)
	if err != nil {
		return nil, err
	}
	return set(rs)
}

func (k kind) List(namespace string) ([]*replicas.Set, error) {
	all, err := k.informer.Lister().ReplicaSets(namespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var sets []*replicas.Set
	for _, rs := range all {
		if s, err := set(rs); err == nil {
			sets = append(sets, s)
		}
	}
	return sets, nil
}

func (k kind) Live(ctx context.Context, key types.NamespacedName) (metav1.Object, error) {
	return k.client.AppsV1().ReplicaSets(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
}

func (k kind) UpdateStatus(ctx context.Context, s *replicas.Set, status replicas.Status) (metav1.Object, error) {
	rs := s.Object.(*appsv1.ReplicaSet).DeepCopy()
	rs.Status = toAPI(status, rs.Status.Conditions)
	return k.client.AppsV1().ReplicaSets(rs.Namespace).UpdateStatus(ctx, rs, metav1.UpdateOptions{})
}

func set(rs *appsv1.ReplicaSet) (*replicas.Set, error) {
	selector, err := metav1.LabelSelectorAsSelector(rs.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("selector of ReplicaSet %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	return &replicas.Set{
		Object:          rs,
		Selector:        selector,
		Replicas:        ptr.Deref(rs.Spec.Replicas, 1),
		MinReadySeconds: rs.Spec.MinReadySeconds,
		Template:        &rs.Spec.Template,
		Status:          fromAPI(rs.Status),
	}, nil
}
