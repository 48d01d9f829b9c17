package connect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"k8s.io/apimachinery/pkg/runtime"
	apiproxy "k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apiserver/pkg/registry/rest"
)

// target is where a connection goes on to.
type target struct {
	location  *url.URL
	transport http.RoundTripper
}

// connecter is a connecting subresource with options of type O. With a path, what follows the
// subresource in the URL is the option called "path".
type connecter[O runtime.Object] struct {
	object  func() runtime.Object
	options func() O
	path    bool
	methods []string
	connect func(ctx context.Context, name string, opts O, r rest.Responder) (http.Handler, error)
}

func (c *connecter[O]) New() runtime.Object      { return c.object() }
func (c *connecter[O]) Destroy()                 {}
func (c *connecter[O]) ConnectMethods() []string { return c.methods }

func (c *connecter[O]) NewConnectOptions() (runtime.Object, bool, string) {
	if c.path {
		return c.options(), true, "path"
	}
	return c.options(), false, ""
}

func (c *connecter[O]) Connect(ctx context.Context, name string, o runtime.Object, r rest.Responder) (http.Handler, error) {
	opts, ok := o.(O)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", o)
	}
	return c.connect(ctx, name, opts, r)
}

// forward passes requests on, upgrades included. With pages, links in HTML answers are
// rewritten to lead through the API server too.
func forward(t target, pages, upgradeRequired bool, r rest.Responder) http.Handler {
	return apiproxy.NewUpgradeAwareHandler(t.location, t.transport, pages, upgradeRequired, apiproxy.NewErrorResponder(r))
}
