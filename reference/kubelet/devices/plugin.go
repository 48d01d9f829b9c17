package devices

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/klog/v2"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	// connectTimeout is how long a plugin that registers may take until it can be reached.
	connectTimeout = 10 * time.Second
	// preferTimeout is how long it may take to say what it prefers, allocateTimeout to prepare devices.
	preferTimeout   = 10 * time.Second
	allocateTimeout = 2 * time.Minute
	// preStartTimeout is how long it may take to prepare devices anew before a container starts.
	preStartTimeout = api.KubeletPreStartContainerRPCTimeoutInSecs * time.Second
)

// plugin is one that can be called.
type plugin struct {
	api.DevicePluginClient
	resource, socket string
	conn             *grpc.ClientConn
	options          *api.DevicePluginOptions
	cancel           context.CancelFunc
}

// connect calls the plugin at the socket, and asks for its options unless it has told them. Its list of devices goes to m until ctx
// ends or the plugin does.
func (m *Manager) connect(ctx context.Context, resource, socket string, options *api.DevicePluginOptions) error {
	retry := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, MaxDelay: time.Second}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: connectTimeout}))
	if err != nil {
		return err
	}
	life, cancel := context.WithCancel(m.ctx)
	p := &plugin{DevicePluginClient: api.NewDevicePluginClient(conn), resource: resource, socket: socket, conn: conn, options: options, cancel: cancel}
	stream, err := p.begin(ctx, life)
	if err != nil {
		cancel()
		conn.Close()
		return err
	}
	m.connected(p)
	m.running.Go(func() {
		defer conn.Close()
		defer cancel()
		for {
			list, err := stream.Recv()
			if err != nil {
				klog.FromContext(m.ctx).Info("A device plugin is gone", "resource", resource, "err", err)
				m.disconnected(p)
				return
			}
			m.listed(p, list.Devices)
		}
	})
	return nil
}

// begin waits until the plugin can be reached and begins to follow its devices.
func (p *plugin) begin(ctx, life context.Context) (grpc.ServerStreamingClient[api.ListAndWatchResponse], error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	p.conn.Connect()
	for state := p.conn.GetState(); state != connectivity.Ready; state = p.conn.GetState() {
		if !p.conn.WaitForStateChange(ctx, state) {
			return nil, fmt.Errorf("failed to dial device plugin: %w", ctx.Err())
		}
		p.conn.Connect()
	}
	if p.options == nil {
		var err error
		if p.options, err = p.GetDevicePluginOptions(ctx, &api.Empty{}); err != nil {
			return nil, fmt.Errorf("failed to get device plugin options: %w", err)
		}
	}
	return p.ListAndWatch(life, &api.Empty{})
}

// prefer asks which devices the plugin would take; none if it does not say.
func (p *plugin) prefer(ctx context.Context, c choice) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, preferTimeout)
	defer cancel()
	from, must := c.question()
	got, err := p.GetPreferredAllocation(ctx, &api.PreferredAllocationRequest{ContainerRequests: []*api.ContainerPreferredAllocationRequest{{
		AvailableDeviceIDs: from, MustIncludeDeviceIDs: must, AllocationSize: int32(c.count),
	}}})
	if err != nil {
		return nil, fmt.Errorf("device plugin GetPreferredAllocation rpc failed with err: %w", err)
	}
	if len(got.ContainerResponses) == 0 {
		return nil, nil
	}
	return got.ContainerResponses[0].DeviceIDs, nil
}

// allocate has the plugin prepare the devices for a container, and returns what that needs.
func (p *plugin) allocate(ctx context.Context, ids []string) (*api.ContainerAllocateResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, allocateTimeout)
	defer cancel()
	got, err := p.Allocate(ctx, &api.AllocateRequest{ContainerRequests: []*api.ContainerAllocateRequest{{DevicesIds: ids}}})
	if err != nil {
		return nil, err
	}
	if len(got.ContainerResponses) == 0 {
		return nil, fmt.Errorf("no containers return in allocation response %v", got)
	}
	return got.ContainerResponses[0], nil
}

// preStart has the plugin prepare the devices for another start.
func (p *plugin) preStart(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, preStartTimeout)
	defer cancel()
	if _, err := p.PreStartContainer(ctx, &api.PreStartContainerRequest{DevicesIds: ids}); err != nil {
		return fmt.Errorf("device plugin PreStartContainer rpc failed with err: %w", err)
	}
	return nil
}
