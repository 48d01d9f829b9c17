package server

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
)

// store reads objects as they are stored now, not as a cache remembers them.
type store interface {
	Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error)
}

// stores are what the server itself reads of its resources. The chain is built from the outside in,
// so that they are empty until install has run.
type stores struct{ pods, nodes, services, secrets, serviceAccounts store }

var errNotInstalled = errors.New("the API server is starting")

// get reads one object of type T; namespace is empty for cluster-scoped ones.
func get[T runtime.Object](ctx context.Context, from store, namespace, name string) (T, error) {
	var none T
	if from == nil {
		return none, errNotInstalled
	}
	obj, err := from.Get(genericapirequest.WithNamespace(ctx, namespace), name, &metav1.GetOptions{})
	if err != nil {
		return none, err
	}
	return obj.(T), nil
}

// getters let tokens be checked against what they are bound to.
func (s *stores) getters() serviceaccount.Getters {
	return serviceaccount.Getters{
		ServiceAccount: func(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
			return get[*corev1.ServiceAccount](ctx, s.serviceAccounts, namespace, name)
		},
		Pod: func(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
			return get[*corev1.Pod](ctx, s.pods, namespace, name)
		},
		Secret: func(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
			return get[*corev1.Secret](ctx, s.secrets, namespace, name)
		},
		Node: func(ctx context.Context, name string) (*corev1.Node, error) {
			return get[*corev1.Node](ctx, s.nodes, "", name)
		},
	}
}
