// Package podresources tells agents on the node which devices, CPUs and memory containers have for themselves
// (docs: concepts/extend-kubernetes/compute-storage-net/device-plugins#monitoring-device-plugin-resources).
package podresources

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	api "k8s.io/kubelet/pkg/apis/podresources/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
)

// Server implements the PodResourcesLister service.
type Server struct {
	api.UnimplementedPodResourcesListerServer
	// Pods are those of the node that are not over.
	Pods func() []*v1.Pod
	// Devices knows who has which.
	Devices *devices.Manager
	// CPUs are those that the container has for itself, AllocatableCPUs all that containers can have; nil if none can.
	CPUs            func(uid types.UID, container string) []int
	AllocatableCPUs func() []int
	// Memory is what the container has for itself, AllocatableMemory all that containers can have; nil if none can.
	Memory            func(uid types.UID, container string) []Block
	AllocatableMemory func() []Block
}

// Block is memory of one type, or huge pages, on some NUMA nodes.
type Block struct {
	Type  v1.ResourceName
	Size  uint64
	Nodes []int
}

// Listen makes the socket kubelet.sock in the directory. One that an agent left behind, when it was killed, is replaced.
func Listen(dir string) (net.Listener, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "kubelet.sock")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
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

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := grpc.NewServer()
	api.RegisterPodResourcesListerServer(server, s)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	return server.Serve(listener)
}

// List implements the service.
func (s *Server) List(context.Context, *api.ListPodResourcesRequest) (*api.ListPodResourcesResponse, error) {
	pods := slices.SortedFunc(slices.Values(s.Pods()), func(a, b *v1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	out := &api.ListPodResourcesResponse{}
	for _, pod := range pods {
		out.PodResources = append(out.PodResources, s.pod(pod))
	}
	return out, nil
}

// Get implements the service.
func (s *Server) Get(_ context.Context, r *api.GetPodResourcesRequest) (*api.GetPodResourcesResponse, error) {
	for _, pod := range s.Pods() {
		if pod.Name == r.PodName && pod.Namespace == r.PodNamespace {
			return &api.GetPodResourcesResponse{PodResources: s.pod(pod)}, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "pod %s in namespace %s not found", r.PodName, r.PodNamespace)
}

// GetAllocatableResources implements the service.
func (s *Server) GetAllocatableResources(context.Context, *api.AllocatableResourcesRequest) (*api.AllocatableResourcesResponse, error) {
	out := &api.AllocatableResourcesResponse{Devices: flat(s.Devices.Allocatable())}
	if s.AllocatableCPUs != nil {
		out.CpuIds = numbers(s.AllocatableCPUs())
	}
	if s.AllocatableMemory != nil {
		out.Memory = memory(s.AllocatableMemory())
	}
	return out, nil
}

// pod tells of the containers that run as long as the pod does.
func (s *Server) pod(pod *v1.Pod) *api.PodResources {
	out := &api.PodResources{Name: pod.Name, Namespace: pod.Namespace}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			out.Containers = append(out.Containers, s.container(pod.UID, c.Name))
		}
	}
	for i := range pod.Spec.Containers {
		out.Containers = append(out.Containers, s.container(pod.UID, pod.Spec.Containers[i].Name))
	}
	return out
}

func (s *Server) container(uid types.UID, name string) *api.ContainerResources {
	out := &api.ContainerResources{Name: name, Devices: flat(s.Devices.Allocated(uid, name))}
	if s.CPUs != nil {
		out.CpuIds = numbers(s.CPUs(uid, name))
	}
	if s.Memory != nil {
		out.Memory = memory(s.Memory(uid, name))
	}
	return out
}

// flat has one entry for each device, or for each NUMA node that it is close to.
func flat(by map[string][]devices.Device) []*api.ContainerDevices {
	var out []*api.ContainerDevices
	for _, resource := range slices.Sorted(maps.Keys(by)) {
		for _, d := range by[resource] {
			if len(d.NUMA) == 0 {
				out = append(out, &api.ContainerDevices{ResourceName: resource, DeviceIds: []string{d.ID}})
			}
			for _, node := range d.NUMA {
				out = append(out, &api.ContainerDevices{ResourceName: resource, DeviceIds: []string{d.ID}, Topology: on([]int{node})})
			}
		}
	}
	return out
}

func memory(blocks []Block) []*api.ContainerMemory {
	var out []*api.ContainerMemory
	for _, b := range blocks {
		out = append(out, &api.ContainerMemory{MemoryType: string(b.Type), Size: b.Size, Topology: on(b.Nodes)})
	}
	return out
}

func on(nodes []int) *api.TopologyInfo {
	out := &api.TopologyInfo{}
	for _, n := range nodes {
		out.Nodes = append(out.Nodes, &api.NUMANode{ID: int64(n)})
	}
	return out
}

func numbers(list []int) []int64 {
	var out []int64
	for _, n := range list {
		out = append(out, int64(n))
	}
	return out
}
