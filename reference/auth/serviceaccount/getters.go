package serviceaccount

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Getters look up the objects that tokens are bound to. An object that does not exist is an
// error; any error makes the token invalid.
type Getters struct {
	ServiceAccount func(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error)
	Pod            func(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	Secret         func(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	Node           func(ctx context.Context, name string) (*corev1.Node, error)
}

// StoreGetters read the resources' own storages, and so never an old state.
func StoreGetters(accounts, pods, secrets, nodes rest.Getter) Getters {
	return Getters{
		ServiceAccount: stored[*corev1.ServiceAccount](accounts),
		Pod:            stored[*corev1.Pod](pods),
		Secret:         stored[*corev1.Secret](secrets),
		Node: func(ctx context.Context, name string) (*corev1.Node, error) {
			return stored[*corev1.Node](nodes)(ctx, "", name)
		},
	}
}

func stored[T any](store rest.Getter) func(ctx context.Context, namespace, name string) (T, error) {
	return func(ctx context.Context, namespace, name string) (T, error) {
		var none T
		o, err := store.Get(request.WithNamespace(ctx, namespace), name, &metav1.GetOptions{})
		if err != nil {
			return none, err
		}
		t, ok := o.(T)
		if !ok {
			return none, fmt.Errorf("storage of %T returned a %T for %q", none, o, name)
		}
		return t, nil
	}
}
