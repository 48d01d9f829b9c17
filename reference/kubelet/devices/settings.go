package devices

import (
	"context"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// Settings are what a container's devices need of its configuration.
type Settings struct {
	Envs, Annotations map[string]string
	Mounts            []*criv1.Mount
	Devices           []*criv1.Device
	CDI               []*criv1.CDIDevice
}

// Settings returns the container's, having told plugins that want to know that it is about to start. A container that
// should have devices and has none, since the agent was killed at the wrong time, gets them now.
func (m *Manager) Settings(ctx context.Context, pod *v1.Pod, c *v1.Container) (Settings, error) {
	m.mu.Lock()
	wanted := m.wanted(c.Resources.Limits)
	m.mu.Unlock()
	if len(wanted) == 0 {
		return Settings{}, nil
	}
	if err := m.Reserve(pod, c, nil); err != nil {
		return Settings{}, err
	}
	if err := m.Allocate(ctx, pod); err != nil {
		return Settings{}, err
	}
	var answers []*api.ContainerAllocateResponse
	for _, name := range wanted {
		m.mu.Lock()
		held, p := m.held.get(pod.UID, c.Name, name), m.plugin(name)
		var ids []string
		if held != nil {
			ids = held.ids()
			answers = append(answers, held.answer)
		}
		m.mu.Unlock()
		if p != nil && ids != nil && p.options.GetPreStartRequired() {
			if err := p.preStart(ctx, ids); err != nil {
				return Settings{}, err
			}
		}
	}
	return merge(ctx, answers), nil
}

// merge puts together what several plugins say. Where they contradict each other the first one wins.
func merge(ctx context.Context, answers []*api.ContainerAllocateResponse) Settings {
	s := Settings{Envs: map[string]string{}, Annotations: map[string]string{}}
	mounts, devices, cdi := map[string]*criv1.Mount{}, map[string]*criv1.Device{}, map[string]*criv1.CDIDevice{}
	conflict := func(what, name string) {
		klog.FromContext(ctx).Info("Device plugins contradict each other", what, name)
	}
	for _, a := range answers {
		for name, value := range a.Envs {
			if old, ok := s.Envs[name]; ok && old != value {
				conflict("variable", name)
				continue
			}
			s.Envs[name] = value
		}
		for name, value := range a.Annotations {
			if old, ok := s.Annotations[name]; ok && old != value {
				conflict("annotation", name)
				continue
			}
			s.Annotations[name] = value
		}
		for _, d := range a.Devices {
			if old := devices[d.ContainerPath]; old != nil {
				if old.HostPath != d.HostPath {
					conflict("device", d.ContainerPath)
				}
				continue
			}
			devices[d.ContainerPath] = &criv1.Device{ContainerPath: d.ContainerPath, HostPath: d.HostPath, Permissions: d.Permissions}
		}
		for _, mount := range a.Mounts {
			if old := mounts[mount.ContainerPath]; old != nil {
				if old.HostPath != mount.HostPath {
					conflict("mount", mount.ContainerPath)
				}
				continue
			}
			mounts[mount.ContainerPath] = &criv1.Mount{ContainerPath: mount.ContainerPath, HostPath: mount.HostPath, Readonly: mount.ReadOnly}
		}
		for _, d := range a.CdiDevices {
			cdi[d.Name] = &criv1.CDIDevice{Name: d.Name}
		}
	}
	s.Mounts, s.Devices, s.CDI = inOrder(mounts), inOrder(devices), inOrder(cdi)
	return s
}

func inOrder[T any](by map[string]T) []T {
	var out []T
	for _, key := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[key])
	}
	return out
}
