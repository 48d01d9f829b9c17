package podresources

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	plugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	api "k8s.io/kubelet/pkg/apis/podresources/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
)

// cards is a plugin with two devices.
type cards struct {
	plugin.UnimplementedDevicePluginServer
}

func (cards) GetDevicePluginOptions(context.Context, *plugin.Empty) (*plugin.DevicePluginOptions, error) {
	return &plugin.DevicePluginOptions{}, nil
}

func (cards) ListAndWatch(_ *plugin.Empty, s grpc.ServerStreamingServer[plugin.ListAndWatchResponse]) error {
	near := &plugin.TopologyInfo{Nodes: []*plugin.NUMANode{{ID: 0}, {ID: 1}}}
	if err := s.Send(&plugin.ListAndWatchResponse{Devices: []*plugin.Device{{ID: "a", Health: plugin.Healthy, Topology: near}, {ID: "b", Health: plugin.Healthy}}}); err != nil {
		return err
	}
	<-s.Context().Done()
	return nil
}

func (cards) Allocate(context.Context, *plugin.AllocateRequest) (*plugin.AllocateResponse, error) {
	return &plugin.AllocateResponse{ContainerResponses: []*plugin.ContainerAllocateResponse{{}}}, nil
}

func serve(t *testing.T, at string, register func(*grpc.Server)) {
	t.Helper()
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	register(s)
	go s.Serve(l)
	t.Cleanup(s.Stop)
}

func pod(name string, cards int64) *v1.Pod {
	c := v1.Container{Name: "main"}
	if cards > 0 {
		c.Resources.Limits = v1.ResourceList{"example.com/card": *resource.NewQuantity(cards, resource.DecimalSI)}
	}
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID(name)}, Spec: v1.PodSpec{
		InitContainers: []v1.Container{{Name: "init"}, {Name: "sidecar", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)}},
		Containers:     []v1.Container{c},
	}}
}

func TestServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir, changed := t.TempDir(), make(chan struct{}, 10)
	m, err := devices.New(ctx, devices.Options{Dir: dir, Changed: func([]types.UID) { changed <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "p.sock")
	serve(t, socket, func(s *grpc.Server) { plugin.RegisterDevicePluginServer(s, cards{}) })
	if err := m.Register(ctx, plugins.Plugin{Name: "example.com/card", Endpoint: socket, Versions: []string{plugin.Version}}); err != nil {
		t.Fatal(err)
	}
	<-changed
	with, without := pod("with", 2), pod("without", 0)
	if err := m.Reserve(with, &with.Spec.Containers[0], nil); err != nil {
		t.Fatal(err)
	}
	if err := m.Allocate(ctx, with); err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Pods: func() []*v1.Pod { return []*v1.Pod{without, with} }, Devices: m,
		CPUs: func(uid types.UID, c string) []int {
			if uid == "without" && c == "main" {
				return []int{2, 3}
			}
			return nil
		},
		AllocatableCPUs: func() []int { return []int{1, 2, 3} },
		Memory: func(uid types.UID, c string) []Block {
			if uid == "with" && c == "main" {
				return []Block{{v1.ResourceMemory, 42, []int{0}}}
			}
			return nil
		},
		AllocatableMemory: func() []Block { return []Block{{v1.ResourceMemory, 100, []int{0}}} },
	}
	if err := os.MkdirAll(filepath.Join(dir, "pod-resources"), 0o700); err != nil {
		t.Fatal(err)
	}
	// What a killed agent leaves.
	if err := os.WriteFile(filepath.Join(dir, "pod-resources", "kubelet.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(filepath.Join(dir, "pod-resources"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(l.Addr().String()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	conn, err := grpc.NewClient("unix://"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := api.NewPodResourcesListerClient(conn)
	list, err := client.List(ctx, &api.ListPodResourcesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	const wantWith = "ns/with: sidecar [] [] []; main [example.com/card=[a]@0 example.com/card=[a]@1 example.com/card=[b]] [] [memory=42@0]; "
	const wantWithout = "ns/without: sidecar [] [] []; main [] [2 3] []; "
	got := ""
	for _, p := range list.PodResources {
		got += text(p)
	}
	if got != wantWith+wantWithout {
		t.Errorf("got  %s\nwant %s", got, wantWith+wantWithout)
	}
	one, err := client.Get(ctx, &api.GetPodResourcesRequest{PodName: "with", PodNamespace: "ns"})
	if err != nil || text(one.PodResources) != wantWith {
		t.Errorf("got %s, %v", text(one.PodResources), err)
	}
	if _, err := client.Get(ctx, &api.GetPodResourcesRequest{PodName: "with", PodNamespace: "other"}); status.Code(err) != codes.NotFound {
		t.Errorf("a pod that is not there: %v", err)
	}
	all, err := client.GetAllocatableResources(ctx, &api.AllocatableResourcesRequest{})
	if err != nil || len(all.Devices) != 3 || fmt.Sprint(all.CpuIds) != "[1 2 3]" || len(all.Memory) != 1 {
		t.Errorf("allocatable: %v, %v", all, err)
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		t.Error(err)
	}
}

// text is what is told of a pod.
func text(p *api.PodResources) string {
	at := func(t *api.TopologyInfo) string {
		out := ""
		for _, n := range t.GetNodes() {
			out += fmt.Sprint("@", n.ID)
		}
		return out
	}
	out := p.GetNamespace() + "/" + p.GetName() + ": "
	for _, c := range p.GetContainers() {
		var devices, memory []string
		for _, d := range c.Devices {
			devices = append(devices, fmt.Sprint(d.ResourceName, "=", d.DeviceIds, at(d.Topology)))
		}
		for _, m := range c.Memory {
			memory = append(memory, fmt.Sprint(m.MemoryType, "=", m.Size, at(m.Topology)))
		}
		out += fmt.Sprint(c.Name, " ", devices, " ", c.CpuIds, " ", memory, "; ")
	}
	return out
}
