package serviceaccount

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// Getters look up the objects that tokens are bound to. An object that does not exist is an
// error; any error makes the token invalid.
type Getters struct {
	ServiceAccount func(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error)
	Pod            func(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	Secret         func(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	Node           func(ctx context.Context, name string) (*corev1.Node, error)
}

// CachedGetters look into informers first and ask the API for what they do not have (yet): a
// pod's first request may come before the informers have heard of the pod. Secrets are only
// asked for, so that their contents are not all kept in memory for this.
func CachedGetters(f informers.SharedInformerFactory, client kubernetes.Interface) Getters {
	core := f.Core().V1()
	accounts, pods, nodes := core.ServiceAccounts().Lister(), core.Pods().Lister(), core.Nodes().Lister()
	return Getters{
		ServiceAccount: func(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
			if o, err := accounts.ServiceAccounts(namespace).Get(name); err == nil {
				return o, nil
			}
			return client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
		},
		Pod: func(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
			if o, err := pods.Pods(namespace).Get(name); err == nil {
				return o, nil
			}
			return client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		},
		Secret: func(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
			return client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		},
		Node: func(ctx context.Context, name string) (*corev1.Node, error) {
			if o, err := nodes.Get(name); err == nil {
				return o, nil
			}
			return client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		},
	}
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
