package fuzz_test

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/etalon-dev/etalon/reference/apiserver/registry"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// kind is a kind of the API and the strategies by which its objects are written, if they are stored.
type kind struct {
	schema.GroupVersionKind
	resource string
	create   rest.RESTCreateStrategy
	update   rest.RESTUpdateStrategy
	views    map[string]rest.RESTUpdateStrategy // by subresource
}

func (k *kind) String() string {
	return strings.TrimPrefix(k.Group+"/", "/") + k.Version + "/" + k.Kind
}

// object is what the stored kinds have in common.
type object interface {
	runtime.Object
	metav1.Object
}

// servedKinds are those that the scheme knows, with the strategies that the registry has for them.
func servedKinds(tb testing.TB) []*kind {
	tb.Helper()
	kinds := map[schema.GroupVersionKind]*kind{}
	for gvk, t := range scheme.Scheme.AllKnownTypes() {
		if gvk.Version != runtime.APIVersionInternal && !strings.HasSuffix(t.PkgPath(), "/apis/meta/v1") {
			kinds[gvk] = &kind{GroupVersionKind: gvk, views: map[string]rest.RESTUpdateStrategy{}}
		}
	}
	built, err := registry.Groups(registry.Config{
		Getter: registrytest.Getter(tb), ServiceRanges: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}, NodePortMin: 30000, NodePortMax: 32767,
	})
	if err != nil {
		tb.Fatal(err)
	}
	for _, g := range append([]*genericapiserver.APIGroupInfo{built.Core}, built.Groups...) {
		for version, resources := range g.VersionedResourcesStorageMap {
			gv := schema.GroupVersion{Group: g.PrioritizedVersions[0].Group, Version: version}
			for path, storage := range resources {
				addStrategies(tb, kinds, gv, path, storage)
			}
		}
	}
	list := make([]*kind, 0, len(kinds))
	for _, k := range kinds {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b *kind) int { return cmp.Compare(a.String(), b.String()) })
	return list
}

func addStrategies(tb testing.TB, kinds map[schema.GroupVersionKind]*kind, gv schema.GroupVersion, path string, storage rest.Storage) {
	tb.Helper()
	gvks, _, err := scheme.Scheme.ObjectKinds(storage.New())
	if err != nil {
		tb.Fatal(err)
	}
	k := kinds[gv.WithKind(gvks[0].Kind)]
	name, sub, _ := strings.Cut(path, "/")
	switch s := storage.(type) {
	case interface {
		Strategy() rest.RESTUpdateStrategy
	}:
		k.views[sub] = s.Strategy()
	case interface {
		GetCreateStrategy() rest.RESTCreateStrategy
		GetUpdateStrategy() rest.RESTUpdateStrategy
	}:
		k.resource, k.create, k.update = name, s.GetCreateStrategy(), s.GetUpdateStrategy()
	}
}

// TestEveryStoredKindIsCovered guards the harness itself.
func TestEveryStoredKindIsCovered(t *testing.T) {
	stored, views := 0, 0
	for _, k := range servedKinds(t) {
		if k.create != nil {
			stored++
		}
		views += len(k.views)
	}
	if stored < 54 || views < 28 {
		t.Errorf("found strategies of %d kinds and %d subresources only", stored, views)
	}
}
