package pods

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
)

// fakeCRI is a runtime whose containers are entries in a map. It panics on calls that the
// tests do not expect.
type fakeCRI struct {
	internalapi.RuntimeService
	mu         sync.Mutex
	next       int
	sandboxes  []*criv1.PodSandboxStatus
	containers []*criv1.ContainerStatus
	parent     map[string]string
	targets    map[string]string
	// configs are those of the containers created last, by name.
	configs map[string]*criv1.ContainerConfig
	// calls are the changes that were asked for.
	calls []string
	// reads is how often somebody asked for what there is of one pod.
	reads int
	// stubborn containers end only by SIGKILL.
	stubborn bool
}

func newFakeCRI() *fakeCRI {
	return &fakeCRI{parent: map[string]string{}, targets: map[string]string{}, configs: map[string]*criv1.ContainerConfig{}}
}

func (f *fakeCRI) say(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fakeCRI) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fakeCRI) RunPodSandbox(_ context.Context, c *criv1.PodSandboxConfig, handler string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	id := fmt.Sprint("S", f.next)
	if handler != "" {
		handler = " by " + handler
	}
	f.say("run sandbox of %s%s", c.Metadata.Name, handler)
	f.sandboxes = append(f.sandboxes, &criv1.PodSandboxStatus{Id: id, Metadata: c.Metadata, Labels: c.Labels, Annotations: c.Annotations, CreatedAt: time.Now().UnixNano(),
		State: criv1.PodSandboxState_SANDBOX_READY, Network: &criv1.PodSandboxNetworkStatus{Ip: "10.244.1.2"}})
	return id, nil
}

func (f *fakeCRI) StopPodSandbox(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.say("stop sandbox")
	for _, s := range f.sandboxes {
		if s.Id == id {
			s.State = criv1.PodSandboxState_SANDBOX_NOTREADY
		}
	}
	return nil
}

func (f *fakeCRI) RemovePodSandbox(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.say("remove sandbox")
	f.sandboxes = slices.DeleteFunc(f.sandboxes, func(s *criv1.PodSandboxStatus) bool { return s.Id == id })
	return nil
}

func (f *fakeCRI) ListPodSandbox(_ context.Context, filter *criv1.PodSandboxFilter) ([]*criv1.PodSandbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if filter.GetLabelSelector() != nil {
		f.reads++
	}
	var out []*criv1.PodSandbox
	for _, s := range f.sandboxes {
		if selects(filter.GetLabelSelector(), s.Labels) {
			out = append(out, &criv1.PodSandbox{Id: s.Id, Metadata: s.Metadata, State: s.State, Labels: s.Labels})
		}
	}
	return out, nil
}

func (f *fakeCRI) PodSandboxStatus(_ context.Context, id string, _ bool) (*criv1.PodSandboxStatusResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sandboxes {
		if s.Id == id {
			return &criv1.PodSandboxStatusResponse{Status: &criv1.PodSandboxStatus{Id: s.Id, Metadata: s.Metadata, State: s.State,
				CreatedAt: s.CreatedAt, Network: s.Network, Labels: s.Labels, Annotations: s.Annotations}}, nil
		}
	}
	return nil, grpcstatus.Error(codes.NotFound, "no such sandbox")
}

func (f *fakeCRI) CreateContainer(_ context.Context, sandbox string, c *criv1.ContainerConfig, _ *criv1.PodSandboxConfig) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	id := fmt.Sprint("C", f.next)
	f.say("create %s %d", c.Metadata.Name, c.Metadata.Attempt)
	f.parent[id] = sandbox
	f.configs[c.Metadata.Name] = c
	f.targets[c.Metadata.Name] = c.GetLinux().GetSecurityContext().GetNamespaceOptions().GetTargetId()
	f.containers = append(f.containers, &criv1.ContainerStatus{Id: id, Metadata: c.Metadata, Labels: c.Labels, Annotations: c.Annotations,
		State: criv1.ContainerState_CONTAINER_CREATED, CreatedAt: time.Now().UnixNano(), Resources: &criv1.ContainerResources{Linux: c.GetLinux().GetResources()}})
	return id, nil
}

func (f *fakeCRI) UpdateContainerResources(_ context.Context, id string, r *criv1.ContainerResources) error {
	f.change(id, func(c *criv1.ContainerStatus) {
		f.say("update %s to %d shares, %d bytes", c.Metadata.Name, r.Linux.CpuShares, r.Linux.MemoryLimitInBytes)
		c.Resources = r
	})
	return nil
}

func (f *fakeCRI) StartContainer(_ context.Context, id string) error {
	f.change(id, func(c *criv1.ContainerStatus) {
		f.say("start %s", c.Metadata.Name)
		c.State, c.StartedAt = criv1.ContainerState_CONTAINER_RUNNING, time.Now().UnixNano()
	})
	return nil
}

func (f *fakeCRI) StopContainer(ctx context.Context, id string, grace int64) error {
	f.change(id, func(c *criv1.ContainerStatus) { f.say("stop %s within %d", c.Metadata.Name, grace) })
	code := int32(143)
	if f.stubborn {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(grace) * time.Second):
			code = 137
		}
	}
	f.exit(id, code)
	return nil
}

func (f *fakeCRI) RemoveContainer(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.containers = slices.DeleteFunc(f.containers, func(c *criv1.ContainerStatus) bool { return c.Id == id })
	return nil
}

func (f *fakeCRI) ListContainers(_ context.Context, filter *criv1.ContainerFilter) ([]*criv1.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*criv1.Container
	for _, c := range f.containers {
		if selects(filter.GetLabelSelector(), c.Labels) {
			out = append(out, &criv1.Container{Id: c.Id, PodSandboxId: f.parent[c.Id], Metadata: c.Metadata, State: c.State, Labels: c.Labels})
		}
	}
	return out, nil
}

func (f *fakeCRI) ContainerStatus(_ context.Context, id string, _ bool) (*criv1.ContainerStatusResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.containers {
		if c.Id == id {
			return &criv1.ContainerStatusResponse{Status: &criv1.ContainerStatus{Id: c.Id, Metadata: c.Metadata, State: c.State, ExitCode: c.ExitCode,
				CreatedAt: c.CreatedAt, StartedAt: c.StartedAt, FinishedAt: c.FinishedAt, Labels: c.Labels, Annotations: c.Annotations, Resources: c.Resources}}, nil
		}
	}
	return nil, grpcstatus.Error(codes.NotFound, "no such container")
}

// GetContainerEvents is not offered: the agent has to find out by itself.
func (f *fakeCRI) GetContainerEvents(context.Context, chan *criv1.ContainerEventResponse, func(criv1.RuntimeService_GetContainerEventsClient)) error {
	return grpcstatus.Error(codes.Unimplemented, "no events")
}

// target is the id of the container whose processes the named one sees.
func (f *fakeCRI) target(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.targets[name]
}

// id is the id of the named container that runs.
func (f *fakeCRI) id(name string) (id string) {
	f.change(name, func(c *criv1.ContainerStatus) { id = c.Id })
	return id
}

// exit ends a container, by id or by name.
func (f *fakeCRI) exit(id string, code int32) {
	f.change(id, func(c *criv1.ContainerStatus) {
		c.State, c.ExitCode, c.FinishedAt = criv1.ContainerState_CONTAINER_EXITED, code, time.Now().UnixNano()
	})
}

func (f *fakeCRI) change(id string, how func(*criv1.ContainerStatus)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.containers {
		if c.Id == id || (c.Metadata.Name == id && c.State == criv1.ContainerState_CONTAINER_RUNNING) {
			how(c)
		}
	}
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// fakeImages has every image.
type fakeImages struct {
	internalapi.ImageManagerService
}

func (fakeImages) ImageStatus(_ context.Context, i *criv1.ImageSpec, _ bool) (*criv1.ImageStatusResponse, error) {
	return &criv1.ImageStatusResponse{Image: &criv1.Image{Id: i.Image}}, nil
}

// fakeCgroups is a machine on which cgroups need no care.
type fakeCgroups struct{}

func (fakeCgroups) Ensure(string, cgroups.Limits) error { return nil }
func (fakeCgroups) Remove(string) error                 { return nil }
func (fakeCgroups) Pods() map[types.UID]string          { return nil }
func (fakeCgroups) Unified() bool                       { return false }
func (fakeCgroups) Read(string) cgroups.Limits          { return cgroups.Limits{} }
func (fakeCgroups) MemoryUsage(string) (int64, bool)    { return 0, false }
func (fakeCgroups) Swaps() bool                         { return false }
