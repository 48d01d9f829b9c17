package core

import (
	"net/netip"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/networking"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/policy"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// newStorage builds the core group on an etcd of the test's own, with 14 cluster IPs and 6 node ports.
func newStorage(t *testing.T) (*Storage, *generic.REST) {
	t.Helper()
	getter := registrytest.Getter(t)
	m := map[string]rest.Storage{}
	if err := generic.Install(m, getter, &networking.IPAddresses, &policy.PodDisruptionBudgets); err != nil {
		t.Fatal(err)
	}
	budgets := m["poddisruptionbudgets"].(*generic.REST)
	s, err := Install(Config{
		Getter: getter, ServiceRanges: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28")}, NodePorts: allocator.PortRange{Min: 30000, Max: 30005},
		IPAddresses: m["ipaddresses"].(*generic.REST), PodDisruptionBudgets: budgets,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, r := range s.Map {
			r.Destroy()
		}
		for _, r := range m {
			r.Destroy()
		}
	})
	registrytest.WaitReady(t, s.REST("services"), s.REST("pods"), s.REST("namespaces"), s.REST("endpoints"), budgets, m["ipaddresses"].(*generic.REST))
	return s, budgets
}

// defaulted returns obj as it would arrive from a client.
func defaulted[T runtime.Object](obj T) T {
	scheme.Scheme.Default(obj)
	return obj
}
