package pods

import (
	"errors"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/cpumanager"
	"github.com/etalon-dev/etalon/reference/kubelet/resize"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// limits are the settings of the container's cgroup that may change while it runs.
func (m *Manager) limits(pod *v1.Pod, c *v1.Container) *criv1.LinuxContainerResources {
	r := m.Spec.Limits(pod, c)
	m.pinned(pod, c, r)
	return r
}

// pinned adds which CPUs the container may use. One that has some to itself needs no quota, which would only slow
// it down (docs: tasks/administer-cluster/cpu-management-policies#static-policy).
func (m *Manager) pinned(pod *v1.Pod, c *v1.Container, r *criv1.LinuxContainerResources) {
	if m.CPUs == nil {
		return
	}
	set, own := m.CPUs.CPUs(pod.UID, c.Name)
	if r.CpusetCpus = set.String(); own {
		r.CpuQuota = -1
	}
}

// group are the settings of the pod's cgroup.
func (m *Manager) group(pod *v1.Pod) cgroups.Limits {
	l := m.Spec.Cgroups.Pod(pod)
	if m.CPUs != nil && m.CPUs.Pins(pod.UID) {
		l.Quota, l.Period = 0, 0
	}
	return l
}

// pin gives the pod's containers CPUs of their own, if they are to have some, and takes these away from all others;
// m.mu is held.
func (m *Manager) pin(pod *v1.Pod) *status.Verdict {
	if m.CPUs == nil {
		return nil
	}
	changed, err := m.CPUs.Allocate(pod, qos(pod))
	if changed {
		m.wakeAll()
	}
	var why *cpumanager.Refusal
	if errors.As(err, &why) {
		return rejected(why.Reason, why.Message)
	}
	return nil
}

// unpin gives the pod's CPUs to all others; m.mu is held.
func (m *Manager) unpin(uid types.UID) {
	if m.CPUs == nil {
		return
	}
	changed, err := m.CPUs.Release(uid)
	if err != nil {
		klog.ErrorS(err, "Cannot forget the CPUs of a pod", "uid", uid)
	}
	if changed {
		m.wakeAll()
	}
}

func (m *Manager) wakeAll() {
	for _, w := range m.workers {
		w.tell(func(*box) {})
	}
}

// retainCPUs takes CPUs back from pods that went while no agent ran.
func (m *Manager) retainCPUs() {
	if m.CPUs == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.CPUs.Retain(func(uid types.UID) bool { return m.workers[uid] != nil }); err != nil {
		klog.ErrorS(err, "Cannot forget the CPUs of pods that are gone")
	}
}

// fixed tells that what the pod has cannot be changed: its CPUs are its own.
func (m *Manager) fixed(wanted, has *v1.Pod) *resize.Refusal {
	if m.CPUs == nil || qos(wanted) != v1.PodQOSGuaranteed {
		return nil
	}
	before, after := resize.Of(has), resize.Of(wanted)
	for name, r := range after.Containers {
		if x, y := before.Containers[name].Requests[v1.ResourceCPU], r.Requests[v1.ResourceCPU]; x.Cmp(y) != 0 {
			return &resize.Refusal{Reason: v1.PodReasonInfeasible, Message: `Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"`}
		}
	}
	return nil
}
