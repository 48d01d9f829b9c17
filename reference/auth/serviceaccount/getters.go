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
		ServiceAccount: stored[*corev1.ServiceAccount](accounts, "serviceaccounts"),
		Pod:            stored[*corev1.Pod](pods, "pods"),
		Secret:         stored[*corev1.Secret](secrets, "secrets"),
		Node: func(ctx context.Context, name string) (*corev1.Node, error) {
			return stored[*corev1.Node](nodes, "nodes")(ctx, "", name)
		},
	}
}

// stored reads from a store. The store names in its errors the resource that the request is about, which is the
// token of a ServiceAccount: so we tell it that the one to read is.
func stored[T any](store rest.Getter, resource string) func(ctx context.Context, namespace, name string) (T, error) {
	return func(ctx context.Context, namespace, name string) (T, error) {
		var none T
		ctx = request.WithRequestInfo(request.WithNamespace(ctx, namespace), &request.RequestInfo{IsResourceRequest: true, Verb: "get",
			APIVersion: "v1", Resource: resource, Namespace: namespace, Name: name})
		o, err := store.Get(ctx, name, &metav1.GetOptions{})
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
