package simulation

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/ready"
)

// Run registers the nodes and simulates them and their pods until ctx ends; then it returns nil. The Node
// objects stay, and fall silent.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return fmt.Errorf("simulation: %w", err)
	}
	client, err := newClient(o.Config, -1)
	if err != nil {
		return err
	}
	rate := o.Rate
	if rate <= 0 {
		rate = -1
	}
	podClient, err := newClient(o.Config, rate)
	if err != nil {
		return err
	}
	if ready.APIServer(ctx, client) != nil {
		return nil
	}
	if o.Listen != "" {
		stop, err := serve(ctx, &o)
		if err != nil {
			return err
		}
		defer stop()
	}
	err = newSimulator(o, client, podClient).run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// newClient speaks protobuf, with so many requests a second; none of its own limit if negative.
func newClient(config *rest.Config, rate float32) (kubernetes.Interface, error) {
	c := rest.AddUserAgent(rest.CopyConfig(config), "etalon-simulation")
	c.ContentType = runtime.ContentTypeProtobuf
	c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	c.QPS, c.Burst = rate, max(1, int(rate))
	client, err := kubernetes.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("simulation: API server: %w", err)
	}
	return client, nil
}
