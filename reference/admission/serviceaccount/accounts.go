package serviceaccount

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
)

// A controller makes the default ServiceAccount of a new namespace. A pod that follows right
// after the namespace waits for it, this long and asking this often.
const (
	defaultAccountWait = 2 * time.Second
	defaultAccountPoll = 100 * time.Millisecond
)

type accounts struct {
	lister listers.ServiceAccountLister
	client kubernetes.Interface
}

// get looks into the informer first and asks the API for an account just made.
func (s accounts) get(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	if sa, err := s.once(ctx, namespace, name); name != DefaultName || !errors.IsNotFound(err) {
		return sa, err
	}
	var sa *corev1.ServiceAccount
	var last error
	err := wait.PollUntilContextTimeout(ctx, defaultAccountPoll, defaultAccountWait, false, func(ctx context.Context) (bool, error) {
		sa, last = s.once(ctx, namespace, name)
		return !errors.IsNotFound(last), nil
	})
	if err != nil || last != nil {
		if last == nil {
			last = err
		}
		return nil, last
	}
	return sa, nil
}

func (s accounts) once(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	if sa, err := s.lister.ServiceAccounts(namespace).Get(name); err == nil {
		return sa, nil
	}
	sa, err := s.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		return nil, errors.NewNotFound(corev1.Resource("serviceaccount"), name)
	}
	return sa, err
}
