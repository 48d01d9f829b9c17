package resourcequota

import (
	"context"
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

// served are resources that can be counted, in the versions that the API server prefers.
type served map[schema.GroupResource]schema.GroupVersionResource

// catalog knows which resources can be counted. It asks the API server only for what it has not heard
// of, or has heard of long ago; and once at a time, however many want to know.
type catalog struct {
	discovery discovery.DiscoveryInterface
	now       func() time.Time

	mu     sync.Mutex // is held for memory only, never over a request
	asked  time.Time
	known  served
	asking chan struct{} // closed once the request under way has ended; nil if there is none
}

// find returns the resource in the version that the API server prefers; ok is false if it is not
// served, or not in a way that its objects can be counted.
func (c *catalog) find(ctx context.Context, gr schema.GroupResource) (gvr schema.GroupVersionResource, ok bool, err error) {
	for {
		gvr, ok, enough, asking := c.look(gr)
		if enough {
			return gvr, ok, nil
		}
		if asking == nil {
			return c.ask(ctx, gr)
		}
		select {
		case <-asking:
		case <-ctx.Done():
			return gvr, false, ctx.Err()
		}
	}
}

// look returns what is known of the resource, and whether that is enough: it is if it is new, or if it is being
// renewed. If not, the caller has to wait for asking, or to ask if that is nil.
func (c *catalog) look(gr schema.GroupResource) (gvr schema.GroupVersionResource, ok, enough bool, asking <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := c.now().Sub(c.asked)
	gvr, ok = c.known[gr]
	switch {
	case ok && (age < staleAfter || c.asking != nil), !ok && age < askAgain:
		return gvr, ok, true, nil
	case c.asking != nil:
		return gvr, ok, false, c.asking
	}
	c.asking = make(chan struct{})
	return gvr, ok, false, nil
}

// ask learns anew what is served, after look has told its caller to.
func (c *catalog) ask(ctx context.Context, gr schema.GroupResource) (gvr schema.GroupVersionResource, ok bool, err error) {
	found, err := c.discover(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.asking)
	c.asking = nil
	if err == nil {
		c.known, c.asked = found, c.now()
	}
	gvr, ok = c.known[gr]
	return gvr, ok, err
}

// discover asks the API server what it serves.
func (c *catalog) discover(ctx context.Context) (served, error) {
	lists, err := discovery.ServerPreferredNamespacedResourcesWithContext(ctx, discovery.ToDiscoveryInterfaceWithContext(c.discovery))
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	found := served{}
	if err != nil {
		// Groups that did not answer are missing; what is known of them is the best there is.
		c.mu.Lock()
		maps.Copy(found, c.known)
		c.mu.Unlock()
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
