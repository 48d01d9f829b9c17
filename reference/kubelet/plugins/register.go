package plugins

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// callTimeout is how long a plugin may take to answer.
const callTimeout = 10 * time.Second

// register asks the plugin who it is, hands it to its handler, and tells it the outcome.
func (w *Watcher) register(ctx context.Context, path string) (Plugin, error) {
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return Plugin{}, err
	}
	defer conn.Close()
	client := registration.NewRegistrationClient(conn)
	info, err := call(ctx, func(ctx context.Context) (*registration.PluginInfo, error) {
		return client.GetInfo(ctx, &registration.InfoRequest{})
	})
	if err != nil {
		return Plugin{}, fmt.Errorf("get info: %w", err)
	}
	p := Plugin{Type: info.Type, Name: info.Name, Endpoint: info.Endpoint, Versions: info.SupportedVersions}
	if p.Endpoint == "" {
		p.Endpoint = path
	}
	err = w.take(ctx, p)
	said := &registration.RegistrationStatus{PluginRegistered: err == nil}
	if err != nil {
		said.Error = err.Error()
	}
	_, toldErr := call(ctx, func(ctx context.Context) (*registration.RegistrationStatusResponse, error) {
		return client.NotifyRegistrationStatus(ctx, said)
	})
	if err == nil && toldErr != nil {
		// Whoever was not told that it is registered takes itself for not registered.
		w.Handlers[p.Type].Unregister(context.WithoutCancel(ctx), p)
		return Plugin{}, fmt.Errorf("notify: %w", toldErr)
	}
	return p, err
}

func (w *Watcher) take(ctx context.Context, p Plugin) error {
	handler := w.Handlers[p.Type]
	switch {
	case handler == nil:
		return fmt.Errorf("no handler registered for plugin type: %s", p.Type)
	case p.Name == "":
		return errors.New("the plugin has no name")
	}
	return handler.Register(ctx, p)
}

func call[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return do(ctx)
}
