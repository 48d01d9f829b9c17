package resourcequota

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// staleAfter is when the API server is asked anew what it serves.
	staleAfter = 5 * time.Minute
	// askAgain is how soon it may be asked again for a resource that it does not serve.
	askAgain = time.Second
)

// served are resources that can be counted, in the versions that the API server prefers.
type served map[schema.GroupResource]schema.GroupVersionResource

// catalog knows which resources can be counted. It asks the API server only for what it has not heard
// of, or has heard of long ago.
type catalog struct {
	discovery discovery.DiscoveryInterface
	news      *controller.News[served]
}

func newCatalog(client discovery.DiscoveryInterface) *catalog {
	c := &catalog{discovery: client}
	c.news = controller.NewNews(c.discover)
	return c
}

// find returns the resource in the version that the API server prefers; ok is false if it is not
// served, or not in a way that its objects can be counted.
func (c *catalog) find(ctx context.Context, gr schema.GroupResource) (gvr schema.GroupVersionResource, ok bool, err error) {
	known, err := c.news.Get(ctx, func(known served, age time.Duration) controller.Use {
		switch _, ok := known[gr]; {
		case ok && age < staleAfter, !ok && age < askAgain:
			return controller.Fresh
		case ok:
			return controller.Passable
		}
		return controller.Outdated
	})
	gvr, ok = known[gr]
	return gvr, ok, err
}

// discover asks the API server what it serves.
func (c *catalog) discover(ctx context.Context, known served) (served, error) {
	lists, err := discovery.ServerPreferredNamespacedResourcesWithContext(ctx, discovery.ToDiscoveryInterfaceWithContext(c.discovery))
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	found := served{}
	if err != nil {
		// Groups that did not answer are missing; what is known of them is the best there is.
		maps.Copy(found, known)
	}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if slices.Contains(r.Verbs, "create") && slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "watch") && slices.Contains(r.Verbs, "delete") {
				found[schema.GroupResource{Group: gv.Group, Resource: r.Name}] = gv.WithResource(r.Name)
			}
		}
	}
	return found, nil
}
