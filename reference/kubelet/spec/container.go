package spec

import (
	"maps"
	"slices"
	"strconv"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/env"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Instance is what makes one instance of a container, beside its pod's specification.
type Instance struct {
	Pod       *v1.Pod
	Container *v1.Container
	QOS       v1.PodQOSClass
	Attempt   uint32
	// Image is the resolved reference of the image that was pulled.
	Image  string
	Env    []env.Var
	Mounts []*criv1.Mount
	// Target is the id of the container whose processes this one sees; empty for what the pod's settings say.
	Target string
	// Devices are the block volumes.
	Devices []*criv1.Device
	// Unified says that the machine has cgroups version 2, Swaps that they limit swapping.
	Unified, Swaps bool
}

// Container returns the configuration of the instance.
func (n Node) Container(i Instance) *criv1.ContainerConfig {
	c := i.Container
	known := make(map[string]string, len(i.Env))
	envs := make([]*criv1.KeyValue, 0, len(i.Env))
	for _, v := range i.Env {
		known[v.Name] = v.Value
		envs = append(envs, &criv1.KeyValue{Key: v.Name, Value: []byte(v.Value)})
	}
	labels := runtime.PodLabels(i.Pod)
	labels[runtime.ContainerNameLabel] = c.Name
	return &criv1.ContainerConfig{
		Metadata:   &criv1.ContainerMetadata{Name: c.Name, Attempt: i.Attempt},
		Image:      &criv1.ImageSpec{Image: i.Image, UserSpecifiedImage: c.Image},
		Command:    env.ExpandAll(c.Command, known),
		Args:       env.ExpandAll(c.Args, known),
		WorkingDir: c.WorkingDir,
		Envs:       envs,
		Mounts:     i.Mounts,
		Devices:    i.Devices,
		Labels:     labels,
		Annotations: map[string]string{
			runtime.HashAnnotation:                     runtime.Hash(c),
			runtime.RestartCountAnnotation:             strconv.Itoa(int(i.Attempt)),
			runtime.TerminationMessagePathAnnotation:   c.TerminationMessagePath,
			runtime.TerminationMessagePolicyAnnotation: string(c.TerminationMessagePolicy),
		},
		LogPath:   LogPath(c.Name, i.Attempt),
		Stdin:     c.Stdin,
		StdinOnce: c.StdinOnce,
		Tty:       c.TTY,
		Linux: &criv1.LinuxContainerConfig{
			Resources:       n.resources(i),
			SecurityContext: n.security(i.Pod, c, i.Target),
		},
	}
}

func (n Node) resources(i Instance) *criv1.LinuxContainerResources {
	r := n.Limits(i.Pod, i.Container)
	r.OomScoreAdj = cgroups.OOMScoreAdj(i.Pod, i.QOS, i.Container, n.Cgroups.Memory)
	pages := n.Cgroups.Container(i.Pod, i.Container).HugePages
	for _, size := range slices.Sorted(maps.Keys(pages)) {
		r.HugepageLimits = append(r.HugepageLimits, &criv1.HugepageLimit{PageSize: cgroups.KernelPageSize(size), Limit: uint64(pages[size])})
	}
	if i.Unified {
		r.Unified = map[string]string{}
		if !n.Cgroups.SingleKill {
			// An out-of-memory kill takes the whole container: half of one is of no use.
			r.Unified["memory.oom.group"] = "1"
		}
		if i.Swaps {
			r.Unified["memory.swap.max"] = strconv.FormatInt(n.Cgroups.SwapLimit(i.Pod, i.QOS, i.Container), 10)
		}
	}
	return r
}

// Limits are the settings of the container's cgroup that may change while it runs.
func (n Node) Limits(pod *v1.Pod, c *v1.Container) *criv1.LinuxContainerResources {
	return converted(n.Cgroups.Container(pod, c))
}
