package server

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
)

// stores are what authentication reads: the objects as they are stored now, not as a cache
// remembers them. Identity is settled before the resources are built, so that they come late.
type stores struct {
	pods, nodes, secrets, serviceAccounts lateStore
	resourceSlices, podCertificates       lateStore
}

// getters let tokens be checked against what they are bound to.
func (s *stores) getters() serviceaccount.Getters {
	return serviceaccount.StoreGetters(&s.serviceAccounts, &s.pods, &s.secrets, &s.nodes)
}

// lateStore is a resource's storage, once it is built.
type lateStore struct{ rest.Getter }

var errNotInstalled = errors.New("the API server is starting")

// Get implements rest.Getter.
func (l *lateStore) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	if l.Getter == nil {
		return nil, errNotInstalled
	}
	return l.Getter.Get(ctx, name, options)
}
