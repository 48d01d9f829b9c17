package horizontalpodautoscaler

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/restmapper"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// askAgain is how soon the API server may be asked again for a kind that it does not serve.
const askAgain = time.Second

// kinds is a RESTMapper that learns of new kinds when it is asked for their resources. While it does, what it knows
// already is there for others.
type kinds struct {
	news *controller.News[meta.RESTMapper]
}

func newKinds(client discovery.DiscoveryInterface) *kinds {
	api := discovery.ToDiscoveryInterfaceWithContext(client)
	return &kinds{controller.NewNews(func(ctx context.Context, _ meta.RESTMapper) (meta.RESTMapper, error) {
		groups, err := restmapper.GetAPIGroupResourcesWithContext(ctx, api)
		if err != nil {
			return nil, err
		}
		return restmapper.NewDiscoveryRESTMapper(groups), nil
	})}
}

// ask answers a question about kinds; if the answer is that there is no such kind, it asks it of newer news. The
// requests under way end with the controllers, as all of their clients' do.
func ask[T any](k *kinds, question func(meta.RESTMapper) (T, error)) (T, error) {
	mapper, err := k.news.Get(context.Background(), func(known meta.RESTMapper, age time.Duration) controller.Use {
		if known == nil {
			return controller.Outdated
		}
		if _, err := question(known); meta.IsNoMatchError(err) && age >= askAgain {
			return controller.Outdated
		}
		return controller.Fresh
	})
	if mapper == nil {
		var none T
		return none, err
	}
	answer, missing := question(mapper)
	if meta.IsNoMatchError(missing) && err != nil {
		return answer, err // it may be there
	}
	return answer, missing
}

func (k *kinds) RESTMappings(kind schema.GroupKind, versions ...string) ([]*meta.RESTMapping, error) {
	return ask(k, func(m meta.RESTMapper) ([]*meta.RESTMapping, error) { return m.RESTMappings(kind, versions...) })
}

func (k *kinds) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	return ask(k, func(m meta.RESTMapper) (*meta.RESTMapping, error) { return m.RESTMapping(kind, versions...) })
}

func (k *kinds) ResourceFor(resource schema.GroupVersionResource) (schema.GroupVersionResource, error) {
	return ask(k, func(m meta.RESTMapper) (schema.GroupVersionResource, error) { return m.ResourceFor(resource) })
}

func (k *kinds) ResourcesFor(resource schema.GroupVersionResource) ([]schema.GroupVersionResource, error) {
	return ask(k, func(m meta.RESTMapper) ([]schema.GroupVersionResource, error) { return m.ResourcesFor(resource) })
}

func (k *kinds) KindFor(resource schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	return ask(k, func(m meta.RESTMapper) (schema.GroupVersionKind, error) { return m.KindFor(resource) })
}

func (k *kinds) KindsFor(resource schema.GroupVersionResource) ([]schema.GroupVersionKind, error) {
	return ask(k, func(m meta.RESTMapper) ([]schema.GroupVersionKind, error) { return m.KindsFor(resource) })
}

func (k *kinds) ResourceSingularizer(resource string) (string, error) {
	return ask(k, func(m meta.RESTMapper) (string, error) { return m.ResourceSingularizer(resource) })
}
