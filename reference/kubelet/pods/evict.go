package pods

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// refuse tells why the node, short of something, does not take the pod on; nil if it does.
func (m *Manager) refuse(pod *v1.Pod) *status.Verdict {
	if m.Pressure == nil {
		return nil
	}
	if why := eviction.Refuses(m.Pressure(), pod, status.QOS(pod)); why != "" {
		return rejected(eviction.Reason, why)
	}
	return nil
}

// Active returns the pods that hold resources of the node, as last seen.
func (m *Manager) Active() []*v1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]*v1.Pod, 0, len(m.taken))
	for uid := range m.taken {
		if w := m.workers[uid]; w != nil {
			out = append(out, w.current())
		}
	}
	return out
}

// RemoveDead removes the containers of pods that have ended, and with them what they wrote. What the API server
// was told of them stays.
func (m *Manager) RemoveDead(ctx context.Context) {
	list, err := m.Runtime.ListContainers(ctx, &criv1.ContainerFilter{State: &criv1.ContainerStateValue{State: criv1.ContainerState_CONTAINER_EXITED}})
	if err != nil {
		return
	}
	for _, c := range list {
		m.mu.Lock()
		uid := types.UID(c.Labels[runtime.PodUIDLabel])
		w := m.workers[uid]
		_, active := m.taken[uid]
		over := w != nil && !active && status.Final(w.current().Status.Phase)
		m.mu.Unlock()
		if !over {
			continue
		}
		if err := m.Runtime.RemoveContainer(ctx, c.Id); err != nil && !runtime.IsNotFound(err) && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot remove a dead container", "container", c.Id)
		}
	}
}
