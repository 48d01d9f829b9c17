// Package registrytest gives tests of the registry a place to store objects.
package registrytest

import (
	"context"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
	"github.com/etalon-dev/etalon/reference/apiserver/storage"
)

// Getter starts an etcd for the test and returns the options that store objects in it as the API
// server does: as protobuf, behind a watch cache.
func Getter(tb testing.TB) generic.RESTOptionsGetter {
	tb.Helper()
	// Not tb.TempDir: with a long test name in it, the path of etcd's socket would be too long.
	dir, err := os.MkdirTemp("", "etcd")
	if err != nil {
		tb.Fatal(err)
	}
	etcd, err := storage.StartEtcd(context.Background(), storage.EtcdOptions{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		etcd.Close()
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return storage.Embedded(etcd).Getter(scheme.StorageCodec, nil)
}

// In returns a request's context in a namespace; "" for cluster-scoped resources.
func In(namespace string) context.Context {
	return genericapirequest.WithNamespace(genericapirequest.NewContext(), namespace)
}

// WaitReady waits until a store's watch cache has been filled; before, lists may be refused.
func WaitReady(tb testing.TB, stores ...interface{ ReadinessCheck() error }) {
	tb.Helper()
	for _, store := range stores {
		err := wait.PollUntilContextTimeout(context.Background(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			return store.ReadinessCheck() == nil, nil
		})
		if err != nil {
			tb.Fatal(store.ReadinessCheck())
		}
	}
}
