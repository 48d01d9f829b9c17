package volumes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
)

// Binds returns what one instance of a container gets mounted: its volumes, /etc/hosts with
// the given text, and the file for its termination message.
func (m *Manager) Binds(pod *v1.Pod, c *v1.Container, attempt uint32, vars []env.Var, hosts string) ([]*criv1.Mount, error) {
	var out []*criv1.Mount
	for i, vm := range c.VolumeMounts {
		if isImage(pod, vm.Name) {
			continue
		}
		bind, err := m.bind(pod, c, i, vm, vars)
		if err != nil {
			return nil, err
		}
		out = append(out, bind)
	}
	if !has(c, "/etc/hosts") {
		file := filepath.Join(m.PodDir(pod.UID), "etc-hosts")
		if err := write0644(file, hosts); err != nil {
			return nil, err
		}
		out = append(out, &criv1.Mount{ContainerPath: "/etc/hosts", HostPath: file})
	}
	if c.TerminationMessagePath != "" && !has(c, c.TerminationMessagePath) {
		file := filepath.Join(m.PodDir(pod.UID), "containers", c.Name, strconv.Itoa(int(attempt)))
		if err := write0644(file, ""); err != nil {
			return nil, err
		}
		// The container may run as anyone.
		if err := os.Chmod(file, 0o666); err != nil {
			return nil, err
		}
		out = append(out, &criv1.Mount{ContainerPath: c.TerminationMessagePath, HostPath: file})
	}
	return out, nil
}

func (m *Manager) bind(pod *v1.Pod, c *v1.Container, index int, vm v1.VolumeMount, vars []env.Var) (*criv1.Mount, error) {
	var volume *v1.Volume
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == vm.Name {
			volume = &pod.Spec.Volumes[i]
		}
	}
	if volume == nil {
		return nil, fmt.Errorf("cannot find volume %q to mount into container %q", vm.Name, c.Name)
	}
	path, ro, err := m.pathOf(pod, volume)
	if err != nil {
		return nil, err
	}
	sub, err := subPathOf(vm, vars)
	if err != nil {
		return nil, err
	}
	if sub != "" {
		target := filepath.Join(m.PodDir(pod.UID), "volume-subpaths", vm.Name, c.Name, strconv.Itoa(index))
		if err := subPath(path, sub, target); err != nil {
			// Why is for the log alone: it may tell of files outside of the volume.
			klog.Background().Error(err, "Cannot mount below a volume", "pod", klog.KObj(pod), "volume", vm.Name, "container", c.Name)
			what := "prepare subPath"
			if errors.Is(err, errMake) {
				what = "create subPath directory"
			}
			return nil, fmt.Errorf("failed to %s for volumeMount %q of container %q", what, vm.Name, c.Name)
		}
		path = target
	} else if volume.HostPath != nil && (volume.HostPath.Type == nil || *volume.HostPath.Type == v1.HostPathUnset) {
		if err := makeMissing(path); err != nil {
			return nil, err
		}
	}
	bind := &criv1.Mount{ContainerPath: vm.MountPath, HostPath: path, Readonly: vm.ReadOnly || ro}
	if !filepath.IsAbs(bind.ContainerPath) {
		bind.ContainerPath = filepath.Join("/", bind.ContainerPath)
	}
	if bind.RecursiveReadOnly, err = recursiveReadOnly(vm, m.node()); err != nil {
		return nil, err
	}
	if p := vm.MountPropagation; p != nil {
		switch *p {
		case v1.MountPropagationHostToContainer:
			bind.Propagation = criv1.MountPropagation_PROPAGATION_HOST_TO_CONTAINER
		case v1.MountPropagationBidirectional:
			bind.Propagation = criv1.MountPropagation_PROPAGATION_BIDIRECTIONAL
		}
	}
	return bind, nil
}

func (m *Manager) node() *v1.Node {
	if m.Node == nil {
		return nil
	}
	return m.Node()
}

// recursiveReadOnly tells whether also what is mounted below the volume is to be read only (KEP-3857).
func recursiveReadOnly(vm v1.VolumeMount, node *v1.Node) (bool, error) {
	if vm.RecursiveReadOnly == nil || *vm.RecursiveReadOnly == v1.RecursiveReadOnlyDisabled {
		return false, nil
	}
	if !vm.ReadOnly {
		return false, fmt.Errorf("volume %q requested recursive read-only mode, but it is not read-only", vm.Name)
	}
	if p := vm.MountPropagation; p != nil && *p != v1.MountPropagationNone {
		return false, fmt.Errorf("volume %q requested recursive read-only mode, but it is not compatible with propagation %q", vm.Name, *p)
	}
	can := false
	if node != nil {
		for _, h := range node.Status.RuntimeHandlers {
			can = can || h.Name == "" && h.Features != nil && is(h.Features.RecursiveReadOnlyMounts)
		}
	}
	if !can && *vm.RecursiveReadOnly == v1.RecursiveReadOnlyEnabled {
		return false, fmt.Errorf("volume %q requested recursive read-only mode, but it is not supported by the runtime", vm.Name)
	}
	return can, nil
}

// pathOf is where the volume is on the node, and whether containers can only read it.
func (m *Manager) pathOf(pod *v1.Pod, v *v1.Volume) (path string, ro bool, err error) {
	if !recorded(pod, v) {
		return m.dir(pod.UID, v), readOnly(v), nil
	}
	r, err := m.record(pod.UID, v.Name)
	if err != nil {
		return "", false, err
	}
	if r == nil || r.Path == "" {
		return "", false, fmt.Errorf("volume %q is not set up", v.Name)
	}
	return r.Path, r.ReadOnly, nil
}

// Devices returns the block devices that the container gets.
func (m *Manager) Devices(pod *v1.Pod, c *v1.Container) ([]*criv1.Device, error) {
	var out []*criv1.Device
	for _, d := range c.VolumeDevices {
		i := slices.IndexFunc(pod.Spec.Volumes, func(v v1.Volume) bool { return v.Name == d.Name })
		if i < 0 {
			return nil, fmt.Errorf("cannot find volume %q to pass into container %q", d.Name, c.Name)
		}
		path, ro, err := m.pathOf(pod, &pod.Spec.Volumes[i])
		if err != nil {
			return nil, err
		}
		permissions := "mrw"
		if ro {
			permissions = "r"
		}
		out = append(out, &criv1.Device{HostPath: path, ContainerPath: d.DevicePath, Permissions: permissions})
	}
	return out, nil
}

// readOnly: what the agent writes is not for containers to change.
func readOnly(v *v1.Volume) bool {
	return v.ConfigMap != nil || v.Secret != nil || v.DownwardAPI != nil || v.Projected != nil
}

func subPathOf(vm v1.VolumeMount, vars []env.Var) (string, error) {
	if vm.SubPathExpr == "" {
		return vm.SubPath, nil
	}
	known := map[string]string{}
	for _, v := range vars {
		known[v.Name] = v.Value
	}
	sub := env.Expand(vm.SubPathExpr, known)
	switch {
	case sub == "" || sub == vm.SubPathExpr && len(known) == 0:
		return "", fmt.Errorf("missing value for subPathExpr %q", vm.SubPathExpr)
	case filepath.IsAbs(sub):
		return "", fmt.Errorf("error SubPath '%s' must not be an absolute path", sub)
	case !filepath.IsLocal(sub):
		return "", fmt.Errorf("unable to provision SubPath '%s': must not contain '..'", sub)
	}
	return sub, nil
}

// write0644 writes the file if it does not say that already; its inode stays, since containers
// have it mounted.
func write0644(file, text string) error {
	if old, err := os.ReadFile(file); err == nil && string(old) == text {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// isImage tells whether the volume is an image, which the runtime mounts by itself.
func isImage(pod *v1.Pod, volume string) bool {
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.Name == volume {
			return v.Image != nil
		}
	}
	return false
}
