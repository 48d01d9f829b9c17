package devices

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const thing = "etalon.dev/thing"

// fake is a plugin, and what it was asked.
type fake struct {
	api.UnimplementedDevicePluginServer
	options *api.DevicePluginOptions
	lists   chan []*api.Device
	server  *grpc.Server

	mu     sync.Mutex
	asked  []string
	refuse error
	// likes are the devices that it prefers.
	likes []string
}

func (f *fake) say(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, s)
}

func (f *fake) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fake) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return f.options, nil
}

func (f *fake) ListAndWatch(_ *api.Empty, s grpc.ServerStreamingServer[api.ListAndWatchResponse]) error {
	for {
		select {
		case <-s.Context().Done():
			return nil
		case list := <-f.lists:
			if err := s.Send(&api.ListAndWatchResponse{Devices: list}); err != nil {
				return err
			}
		}
	}
}

func (f *fake) GetPreferredAllocation(_ context.Context, r *api.PreferredAllocationRequest) (*api.PreferredAllocationResponse, error) {
	asked := r.ContainerRequests[0]
	f.say("prefer of " + strings.Join(asked.AvailableDeviceIDs, " ") + ", must " + strings.Join(asked.MustIncludeDeviceIDs, " "))
	return &api.PreferredAllocationResponse{ContainerResponses: []*api.ContainerPreferredAllocationResponse{{DeviceIDs: f.likes}}}, nil
}

func (f *fake) Allocate(_ context.Context, r *api.AllocateRequest) (*api.AllocateResponse, error) {
	ids := strings.Join(r.ContainerRequests[0].DevicesIds, ",")
	f.say("allocate " + ids)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	return &api.AllocateResponse{ContainerResponses: []*api.ContainerAllocateResponse{{
		Envs: map[string]string{"THINGS": ids}, Annotations: map[string]string{"etalon.dev/things": ids},
		Mounts:     []*api.Mount{{ContainerPath: "/things", HostPath: "/tmp/things", ReadOnly: true}},
		Devices:    []*api.DeviceSpec{{ContainerPath: "/dev/thing", HostPath: "/dev/null", Permissions: "rw"}},
		CdiDevices: []*api.CDIDevice{{Name: "etalon.dev/thing=" + ids}},
	}}}, nil
}

func (f *fake) PreStartContainer(_ context.Context, r *api.PreStartContainerRequest) (*api.PreStartContainerResponse, error) {
	f.say("start with " + strings.Join(r.DevicesIds, ","))
	return &api.PreStartContainerResponse{}, nil
}

// listen serves a plugin with these devices at the socket.
func listen(t *testing.T, socket string, options *api.DevicePluginOptions, ids ...string) *fake {
	t.Helper()
	f := &fake{options: options, lists: make(chan []*api.Device, 10), server: grpc.NewServer()}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	api.RegisterDevicePluginServer(f.server, f)
	go f.server.Serve(l)
	t.Cleanup(f.server.Stop)
	f.lists <- healthy(ids...)
	return f
}

func healthy(ids ...string) []*api.Device {
	var out []*api.Device
	for _, id := range ids {
		out = append(out, &api.Device{ID: id, Health: api.Healthy})
	}
	return out
}

// kubelet is a Manager that serves, and the changes it told of.
type kubelet struct {
	*Manager
	t       *testing.T
	changes chan []types.UID
	cancel  context.CancelFunc
	done    chan error
}

func start(t *testing.T, dir string) *kubelet {
	t.Helper()
	k := &kubelet{t: t, changes: make(chan []types.UID, 100), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	k.cancel = cancel
	var err error
	if k.Manager, err = New(ctx, Options{Dir: dir, Changed: func(pods []types.UID) { k.changes <- pods }}); err != nil {
		t.Fatal(err)
	}
	listener, err := k.Listen()
	if err != nil {
		t.Fatal(err)
	}
	go func() { k.done <- k.Serve(listener) }()
	t.Cleanup(k.stop)
	return k
}

func (k *kubelet) stop() {
	k.cancel()
	err, ok := <-k.done
	if ok {
		close(k.done)
	}
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		k.t.Error(err)
	}
}

// register has the plugin at the socket of that name register itself.
func (k *kubelet) register(r *api.RegisterRequest) error {
	conn, err := grpc.NewClient("unix://"+filepath.Join(k.Dir, socketName), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		k.t.Fatal(err)
	}
	defer conn.Close()
	_, err = api.NewRegistrationClient(conn).Register(k.t.Context(), r, grpc.WaitForReady(true))
	return err
}

// plug starts a plugin with these devices, registers it, and waits until they are known.
func (k *kubelet) plug(options *api.DevicePluginOptions, ids ...string) *fake {
	k.t.Helper()
	f := listen(k.t, filepath.Join(k.Dir, "thing.sock"), options, ids...)
	if err := k.register(&api.RegisterRequest{Version: api.Version, Endpoint: "thing.sock", ResourceName: thing, Options: options}); err != nil {
		k.t.Fatal(err)
	}
	<-k.changes
	return f
}

// container wants that many things.
func container(name, things string) v1.Container {
	c := v1.Container{Name: name}
	if things != "" {
		c.Resources.Limits = v1.ResourceList{thing: quantityOf(things)}
	}
	return c
}

func pod(uid string, containers ...v1.Container) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: uid, UID: types.UID(uid)}, Spec: v1.PodSpec{Containers: containers}}
}

// admit reserves and allocates what the pod asks for.
func (k *kubelet) admit(p *v1.Pod) error {
	for _, c := range order(p) {
		if err := k.Reserve(p, c, nil); err != nil {
			return err
		}
	}
	return k.Allocate(k.t.Context(), p)
}

// has are the ids of the container's things.
func (k *kubelet) has(uid, container string) string {
	var ids []string
	for _, d := range k.Allocated(types.UID(uid), container)[thing] {
		ids = append(ids, d.ID)
	}
	return strings.Join(ids, " ")
}
