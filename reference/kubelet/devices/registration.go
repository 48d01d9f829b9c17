package devices

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/grpc"
	v1 "k8s.io/api/core/v1"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
)

// socketName is that of the kubelet's own socket.
const socketName = "kubelet.sock"

// Listen makes the kubelet's socket. All sockets that are in the directory are removed first: that is how plugins learn
// that they have to register again.
func (m *Manager) Listen() (net.Listener, error) {
	if err := clear(m.Dir); err != nil {
		return nil, err
	}
	path := filepath.Join(m.Dir, socketName)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// Serve takes registrations in until the Manager's context ends.
func (m *Manager) Serve(listener net.Listener) error {
	server := grpc.NewServer()
	api.RegisterRegistrationServer(server, registrar{m: m})
	stop := context.AfterFunc(m.ctx, server.Stop)
	defer stop()
	err := server.Serve(listener)
	m.running.Wait()
	return err
}

// clear removes the sockets in the directory.
func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var failures []error
	for _, e := range entries {
		if e.Type() == os.ModeSocket {
			failures = append(failures, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(failures...)
}

// registrar is the service at the kubelet's socket.
type registrar struct {
	api.UnimplementedRegistrationServer
	m *Manager
}

// Register implements the service.
func (r registrar) Register(ctx context.Context, asked *api.RegisterRequest) (*api.Empty, error) {
	if !supported([]string{asked.Version}) {
		return nil, fmt.Errorf("requested API version %q is not supported by kubelet. Supported version is %q", asked.Version, api.SupportedVersions)
	}
	if !Extended(v1.ResourceName(asked.ResourceName)) {
		return nil, fmt.Errorf("the ResourceName %q is invalid", asked.ResourceName)
	}
	if asked.Endpoint == "" {
		return nil, errors.New("the endpoint is empty")
	}
	options := asked.Options
	if options == nil {
		options = &api.DevicePluginOptions{}
	}
	if err := r.m.connect(ctx, asked.ResourceName, filepath.Join(r.m.Dir, asked.Endpoint), options); err != nil {
		return nil, err
	}
	return &api.Empty{}, nil
}

func supported(versions []string) bool {
	return slices.ContainsFunc(versions, func(v string) bool { return slices.Contains(api.SupportedVersions[:], v) })
}

// Register implements plugins.Handler. The plugin's name is that of its resource.
func (m *Manager) Register(ctx context.Context, p plugins.Plugin) error {
	if !supported(p.Versions) {
		return fmt.Errorf("requested API version %q is not supported by kubelet. Supported versions are %q", p.Versions, api.SupportedVersions)
	}
	if !Extended(v1.ResourceName(p.Name)) {
		return fmt.Errorf("invalid name of device plugin socket: the ResourceName %q is invalid", p.Name)
	}
	return m.connect(ctx, p.Name, p.Endpoint, nil)
}

// Unregister implements plugins.Handler.
func (m *Manager) Unregister(_ context.Context, p plugins.Plugin) {
	m.mu.Lock()
	known := m.plugin(p.Name)
	m.mu.Unlock()
	if known != nil && known.socket == p.Endpoint {
		known.cancel()
	}
}
