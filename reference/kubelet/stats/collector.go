package stats

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

const (
	// fresh is how long a sample is told to those who ask next.
	fresh = time.Second
	// firstWindow is how long the first who asks for rates waits for a second sample.
	firstWindow = narrowest + 50*time.Millisecond
)

// Runtime is what is asked of the container runtime.
type Runtime interface {
	ListContainers(ctx context.Context, filter *criv1.ContainerFilter) ([]*criv1.Container, error)
	ListPodSandbox(ctx context.Context, filter *criv1.PodSandboxFilter) ([]*criv1.PodSandbox, error)
	ListContainerStats(ctx context.Context, filter *criv1.ContainerStatsFilter) ([]*criv1.ContainerStats, error)
}

// Config is what a Collector works with.
type Config struct {
	NodeName string
	Reader   Reader
	Runtime  Runtime
	// ImageFS tells of the file systems with images and containers.
	ImageFS func(context.Context) (*criv1.ImageFsInfoResponse, error)
	// Pods returns the node's pods.
	Pods func() []*v1.Pod
	// RootDir is the agent's directory, LogsDir that of the pods' logs, Proc is /proc.
	RootDir, LogsDir, Proc string
	// Memory is the machine's, in bytes.
	Memory uint64
	// Claimed returns how a pod calls the volumes that it has by a claim, by the names of their directories.
	Claimed func(types.UID) map[string]string
	// Measure asks who keeps the pod's volume how full it is: nil if that is not to be learnt, false if nobody has to be asked. Optional.
	Measure func(pod types.UID, volume string) (*volumes.Usage, bool)
	// Policy says which limits the pods' cgroups have.
	Policy cgroups.Policy
}

// Collector measures when it is asked.
type Collector struct {
	Config
	// began is when the node was started, own the cgroup that the agent runs in.
	began time.Time
	own   string

	mu      sync.Mutex
	latest  *Sample
	depth   Depth
	history history

	disks disks
}

// New returns a Collector that has measured nothing yet.
func New(c Config) *Collector {
	began := time.Now()
	if started, err := processStart(c.Proc, 1); err == nil {
		began = started
	}
	return &Collector{Config: c, began: began, own: ownCgroup(c.Proc), disks: disks{volumes: map[volumeKey]Volume{}}}
}

// Detect returns the Reader for the machine's version of cgroups.
func Detect(unified bool) Reader {
	if unified {
		return V2{Root: "/sys/fs/cgroup", Proc: "/proc"}
	}
	return V1{Root: "/sys/fs/cgroup"}
}

// Sample is what was used at one moment.
type Sample struct {
	At   time.Time
	Node Usage
	// Groups are the cgroups between the node and the pods, by path.
	Groups []Group
	Pods   []Pod
	// Own is what the agent itself uses; nil if it has no cgroup of its own.
	Own *Usage
}

// Group is a cgroup that is no pod's.
type Group struct {
	Path  string
	Usage Usage
}

// Pod is a pod that runs.
type Pod struct {
	Pod *v1.Pod
	// Path is its cgroup.
	Path    string
	Created time.Time
	// Usage includes what is the pod's and no container's.
	Usage Usage
	// Sandbox holds the pod's namespaces.
	Sandbox    Container
	Containers []Container
	// Interfaces are those of the pod's own network; none if it has the node's.
	Interfaces []Interface
}

// Container is a container that runs.
type Container struct {
	ID, Name, Image, Path string
	Created               time.Time
	Usage                 Usage
	// Spec is what the pod says of it; nil for a sandbox.
	Spec *v1.Container
}

// Sample measures, or tells what was measured a moment ago.
func (c *Collector) Sample(ctx context.Context, depth Depth) (*Sample, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sample(ctx, depth)
}

// WithRates is Sample with rates. Whoever asks first waits for a second sample, about a second.
func (c *Collector) WithRates(ctx context.Context, depth Depth) (*Sample, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.sample(ctx, depth)
	if err != nil || s.Node.CPU.Rate != nil {
		return s, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(firstWindow):
	}
	return c.sample(ctx, depth)
}

func (c *Collector) sample(ctx context.Context, depth Depth) (*Sample, error) {
	if c.latest != nil && time.Since(c.latest.At) < fresh && c.depth >= depth {
		return c.latest, nil
	}
	s, err := c.measure(ctx, depth)
	if err != nil {
		return nil, err
	}
	c.latest, c.depth = s, depth
	return s, nil
}

func (c *Collector) measure(ctx context.Context, depth Depth) (*Sample, error) {
	s := &Sample{At: time.Now()}
	points := map[string]point{}
	read := func(path string, created time.Time) (Usage, bool) {
		u, err := c.Reader.Read(path, depth)
		if err != nil {
			return u, false
		}
		now := point{u.At, u.CPU.Total}
		u.CPU.Rate = c.history.rate(path, now, created)
		points[path] = now
		return u, true
	}
	var ok bool
	if s.Node, ok = read("/", time.Time{}); !ok {
		return nil, fmt.Errorf("the node's own cgroup cannot be read")
	}
	for _, path := range []string{cgroups.Root, cgroups.Root + "/besteffort", cgroups.Root + "/burstable"} {
		if u, ok := read(path, time.Time{}); ok {
			s.Groups = append(s.Groups, Group{path, u})
		}
	}
	if c.own != "/" {
		if u, ok := read(c.own, time.Time{}); ok {
			s.Own = &u
		}
	}
	pods, err := c.running(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range pods {
		if p.Usage, ok = read(p.Path, p.Created); !ok {
			continue // it ended a moment ago
		}
		p.Sandbox.Usage, ok = read(p.Sandbox.Path, p.Sandbox.Created)
		if depth == Full && ok && !p.Pod.Spec.HostNetwork {
			if pid := c.Reader.Process(p.Sandbox.Path); pid > 0 {
				p.Interfaces = Interfaces(c.Proc, pid)
			}
		}
		kept := p.Containers[:0]
		for _, k := range p.Containers {
			if k.Usage, ok = read(k.Path, k.Created); ok {
				kept = append(kept, k)
			}
		}
		p.Containers = kept
		p.Usage.Processes += p.Sandbox.Usage.Processes
		for i := range kept {
			p.Usage.Processes += kept[i].Usage.Processes
		}
		s.Pods = append(s.Pods, *p)
	}
	c.history.add(points)
	return s, nil
}

// running returns the pods of which something runs, in the order of their names.
func (c *Collector) running(ctx context.Context) ([]*Pod, error) {
	sandboxes, err := c.Runtime.ListPodSandbox(ctx, &criv1.PodSandboxFilter{State: &criv1.PodSandboxStateValue{State: criv1.PodSandboxState_SANDBOX_READY}})
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	containers, err := c.Runtime.ListContainers(ctx, &criv1.ContainerFilter{State: &criv1.ContainerStateValue{State: criv1.ContainerState_CONTAINER_RUNNING}})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	specs := map[types.UID]*v1.Pod{}
	for _, p := range c.Pods() {
		specs[p.UID] = p
	}
	return arrange(specs, sandboxes, containers), nil
}

// arrange puts together what the runtime and the API say of the same pods.
func arrange(specs map[types.UID]*v1.Pod, sandboxes []*criv1.PodSandbox, containers []*criv1.Container) []*Pod {
	pods := map[types.UID]*Pod{}
	for _, s := range sandboxes {
		uid := types.UID(s.GetLabels()[runtime.PodUIDLabel])
		spec := specs[uid]
		if spec == nil {
			continue
		}
		created := time.Unix(0, s.GetCreatedAt())
		if old := pods[uid]; old != nil && old.Created.After(created) {
			continue
		}
		path := cgroups.PodPath(qosOf(spec), uid)
		pods[uid] = &Pod{Pod: spec, Path: path, Created: created,
			Sandbox: Container{ID: s.GetId(), Path: filepath.Join(path, s.GetId()), Created: created}}
	}
	for _, k := range containers {
		p := pods[types.UID(k.GetLabels()[runtime.PodUIDLabel])]
		if p == nil {
			continue
		}
		name := k.GetLabels()[runtime.ContainerNameLabel]
		image := k.GetImage().GetUserSpecifiedImage()
		p.Containers = append(p.Containers, Container{
			ID: k.GetId(), Name: name, Path: filepath.Join(p.Path, k.GetId()), Created: time.Unix(0, k.GetCreatedAt()),
			Image: cmp.Or(image, k.GetImage().GetImage()), Spec: specOf(p.Pod, name),
		})
	}
	out := make([]*Pod, 0, len(pods))
	for _, p := range pods {
		slices.SortFunc(p.Containers, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Pod) int {
		return cmp.Or(strings.Compare(a.Pod.Namespace, b.Pod.Namespace), strings.Compare(a.Pod.Name, b.Pod.Name))
	})
	return out
}

func qosOf(p *v1.Pod) v1.PodQOSClass {
	if p.Status.QOSClass != "" {
		return p.Status.QOSClass
	}
	return status.QOS(p)
}

func specOf(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if e := &pod.Spec.EphemeralContainers[i]; e.Name == name {
			return (*v1.Container)(&e.EphemeralContainerCommon)
		}
	}
	return nil
}

// ownCgroup is the cgroup that the agent itself runs in, "/" if it is the node's.
func ownCgroup(proc string) string {
	text, err := os.ReadFile(filepath.Join(proc, "self/cgroup"))
	if err != nil {
		klog.V(2).InfoS("Cannot tell the agent's own cgroup", "err", err)
		return "/"
	}
	return parseCgroup(string(text))
}

// parseCgroup reads /proc/PID/cgroup: the path in the memory hierarchy, or in the one of version 2.
func parseCgroup(text string) string {
	unified := "/"
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if slices.Contains(strings.Split(parts[1], ","), "memory") {
			return parts[2]
		}
		if parts[1] == "" {
			unified = parts[2]
		}
	}
	return unified
}
