package garbagecollector

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	metadatafake "k8s.io/client-go/metadata/fake"
)

// versions of one group, of which some do not answer.
type groupOfVersions struct {
	discovery.DiscoveryInterface
	all  []string // the preferred one first
	mute map[string]bool
}

func (g *groupOfVersions) ServerGroups() (*metav1.APIGroupList, error) {
	group := metav1.APIGroup{Name: widget.Group}
	for _, version := range g.all {
		group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: widget.Group + "/" + version, Version: version})
	}
	group.PreferredVersion = group.Versions[0]
	return &metav1.APIGroupList{Groups: []metav1.APIGroup{group}}, nil
}

func (g *groupOfVersions) ServerResourcesForGroupVersion(gv string) (*metav1.APIResourceList, error) {
	if parsed, _ := schema.ParseGroupVersion(gv); g.mute[parsed.Version] {
		return nil, apierrors.NewServiceUnavailable("mute")
	}
	return &metav1.APIResourceList{GroupVersion: gv, APIResources: []metav1.APIResource{
		{Name: "widgets", SingularName: "widget", Kind: "Widget", Namespaced: true, Verbs: metav1.Verbs{"delete", "get", "list", "watch"}},
	}}, nil
}

// A kind is watched in one version. While that does not answer it is not watched in another, since the objects of a
// version are forgotten when it is no longer watched, and the watch that went on would not tell of them again.
func TestAKindIsWatchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		scheme := metadatafake.NewTestScheme()
		if err := metav1.AddMetaToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		group := &groupOfVersions{all: []string{"v1", "v1beta1"}, mute: map[string]bool{}}
		m := &monitors{
			metadata: metadatafake.NewSimpleMetadataClient(scheme, &metav1.PartialObjectMetadata{
				TypeMeta:   metav1.TypeMeta{APIVersion: "example.com/v1", Kind: "Widget"},
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "w", UID: "w"},
			}),
			discovery: group, store: newStore(func(types.UID) {}), renewed: func(bool) {}, running: map[kindOf]*monitor{},
		}
		watched := func() (versions []string) {
			if err := m.sync(ctx); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for what := range m.running {
				versions = append(versions, what.resource.Version)
			}
			slices.Sort(versions)
			return versions
		}
		for _, step := range []struct {
			what string
			mute string
			all  []string
			want []string
		}{
			{"both answer", "", []string{"v1", "v1beta1"}, []string{"v1"}},
			{"the watched one does not", "v1", []string{"v1", "v1beta1"}, []string{"v1"}},
			{"both answer again", "", []string{"v1", "v1beta1"}, []string{"v1"}},
			{"another one is preferred", "", []string{"v2", "v1", "v1beta1"}, []string{"v2"}},
		} {
			group.mute, group.all = map[string]bool{step.mute: true}, step.all
			if got := watched(); !slices.Equal(got, step.want) {
				t.Errorf("%s: %v are watched, want %v", step.what, got, step.want)
			}
			if step.want[0] == "v1" && m.store.get("w") == nil { // the fake API server has it in v1
				t.Errorf("%s: the object is not known", step.what)
			}
		}
		cancel()
		m.watching.Wait()
	})
}
