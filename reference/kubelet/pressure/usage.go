package pressure

import (
	"context"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// usages returns what each of the pods uses; of volumes only if disk is set, since they have to be walked through.
func (m *Manager) usages(ctx context.Context, pods []*v1.Pod, disk bool) ([]eviction.Usage, error) {
	filter := &criv1.ContainerStatsFilter{}
	if len(pods) == 1 {
		filter.LabelSelector = map[string]string{runtime.PodUIDLabel: string(pods[0].UID)}
	}
	list, err := m.Runtime.ListContainerStats(ctx, filter)
	if err != nil {
		return nil, err
	}
	containers := map[string]map[string]eviction.Container{}
	for _, s := range list {
		labels := s.GetAttributes().GetLabels()
		uid := labels[runtime.PodUIDLabel]
		if containers[uid] == nil {
			containers[uid] = map[string]eviction.Container{}
		}
		c := containers[uid][labels[runtime.ContainerNameLabel]]
		c.Memory += int64(s.GetMemory().GetWorkingSetBytes().GetValue())
		c.Layer += int64(s.GetWritableLayer().GetUsedBytes().GetValue())
		c.LayerInodes += int64(s.GetWritableLayer().GetInodesUsed().GetValue())
		containers[uid][labels[runtime.ContainerNameLabel]] = c
	}
	out := make([]eviction.Usage, 0, len(pods))
	for _, pod := range pods {
		u := eviction.Usage{Pod: pod, Containers: containers[string(pod.UID)], Volumes: map[string]int64{}}
		if u.Containers == nil {
			u.Containers = map[string]eviction.Container{}
		}
		u.Processes = m.Places.podProcesses(cgroups.PodPath(class(pod), pod.UID))
		if disk {
			m.logs(&u)
			if err := m.volumes(ctx, &u); err != nil {
				return nil, err
			}
		}
		out = append(out, u)
	}
	return out, nil
}

func class(pod *v1.Pod) v1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	return status.QOS(pod)
}

// logs adds what the containers logged, all rotations of it.
func (m *Manager) logs(u *eviction.Usage) {
	dir := spec.LogDirectory(m.LogsRoot, u.Pod.Namespace, u.Pod.Name, string(u.Pod.UID))
	for _, list := range [][]v1.Container{u.Pod.Spec.InitContainers, u.Pod.Spec.Containers} {
		for i := range list {
			entries, err := os.ReadDir(filepath.Join(dir, list[i].Name))
			if err != nil {
				continue
			}
			c := u.Containers[list[i].Name]
			for _, e := range entries {
				if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
					c.Logs += info.Size()
					u.Inodes++
				}
			}
			u.Containers[list[i].Name] = c
		}
	}
}

// volumes adds what is in the pod's emptyDir volumes; those in memory are no matter of the disk.
func (m *Manager) volumes(ctx context.Context, u *eviction.Usage) error {
	for i := range u.Pod.Spec.Volumes {
		v := &u.Pod.Spec.Volumes[i]
		if v.EmptyDir == nil || v.EmptyDir.Medium != v1.StorageMediumDefault {
			continue
		}
		bytes, files, err := size(ctx, filepath.Join(m.Places.Root, "pods", string(u.Pod.UID), "volumes", "kubernetes.io~empty-dir", v.Name))
		if err != nil {
			return err
		}
		u.Volumes[v.Name] = bytes
		u.Inodes += files
	}
	return nil
}
