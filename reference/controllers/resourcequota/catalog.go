package resourcequota

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

const (
	// staleAfter is when the API server is asked anew what it serves.
	staleAfter = 5 * time.Minute
	// askAgain is how soon it may be asked again for a resource that it does not serve.
	askAgain = time.Second
)

// catalog knows which resources can be counted. It asks the API server only for what it has not heard
// of, or has heard of long ago.
type catalog struct {
	discovery discovery.DiscoveryInterface
	now       func() time.Time

	mu    sync.Mutex
	asked time.Time
	known map[schema.GroupResource]schema.GroupVersionResource
}

// find returns the resource in the version that the API server prefers; ok is false if it is not
// served, or not in a way that its objects can be counted.
func (c *catalog) find(gr schema.GroupResource) (gvr schema.GroupVersionResource, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := c.now().Sub(c.asked)
	gvr, ok = c.known[gr]
	if ok && age < staleAfter || !ok && age < askAgain {
		return gvr, ok, nil
	}
	lists, err := discovery.ServerPreferredNamespacedResources(c.discovery)
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return gvr, ok, err
	}
	// Groups that did not answer are missing; what is known of them is the best there is.
	found := map[schema.GroupResource]schema.GroupVersionResource{}
	if err != nil && c.known != nil {
		found = maps.Clone(c.known)
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
	c.known, c.asked = found, c.now()
	gvr, ok = c.known[gr]
	return gvr, ok, nil
}
