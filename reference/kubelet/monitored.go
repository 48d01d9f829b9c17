package kubelet

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/podresources"
	"github.com/etalon-dev/etalon/reference/kubelet/pods"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// monitored tells agents on the node what the managers have given away.
func (m managers) monitored(manager *pods.Manager, plugged *devices.Manager) *podresources.Server {
	s := &podresources.Server{Devices: plugged, Pods: func() []*v1.Pod {
		return slices.DeleteFunc(manager.Pods(), func(p *v1.Pod) bool { return status.Final(manager.Status(p).Phase) })
	}}
	if m.cpus != nil {
		s.AllocatableCPUs = func() []int { return m.cpus.Allocatable().List() }
		s.CPUs = func(uid types.UID, container string) []int {
			if set, own := m.cpus.CPUs(uid, container); own {
				return set.List()
			}
			return nil
		}
	}
	if m.memory != nil {
		s.Memory = func(uid types.UID, container string) []podresources.Block {
			var out []podresources.Block
			for _, b := range m.memory.Blocks(uid, container) {
				out = append(out, podresources.Block{Type: b.Type, Size: uint64(b.Size), Nodes: b.NUMAAffinity})
			}
			return out
		}
	}
	return s
}
