package pods

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/resize"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// limits are the settings of the container's cgroup that may change while it runs.
func (m *Manager) limits(pod *v1.Pod, c *v1.Container) *criv1.LinuxContainerResources {
	r := m.Spec.Limits(pod, c)
	m.pinned(pod, c, r)
	return r
}

// pinned adds which CPUs and which nodes' memory the container may use. One that has CPUs to itself needs no quota, which
// would only slow it down (docs: concepts/policy/node-resource-managers#static-policy).
func (m *Manager) pinned(pod *v1.Pod, c *v1.Container, r *criv1.LinuxContainerResources) {
	if m.CPUs != nil {
		set, own := m.CPUs.CPUs(pod.UID, c.Name)
		if r.CpusetCpus = set.String(); own {
			r.CpuQuota = -1
		}
	}
	if m.Memory != nil {
		r.CpusetMems = m.Memory.Nodes(pod.UID, c.Name).String()
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

// pin gives the pod's containers what they get for themselves, CPUs, memory and devices, and takes such CPUs away from
// all others. A pod that runs keeps what it has, and is not refused. m.mu is held.
func (m *Manager) pin(pod *v1.Pod, runs bool) *status.Verdict {
	if m.Topology == nil {
		return nil
	}
	had := m.holds(pod.UID)
	if runs {
		if why := m.Topology.Readmit(pod); why != nil {
			klog.InfoS("The pod runs without all that it is to have for itself", "pod", klog.KObj(pod), "why", why.Message)
		}
	} else if why := m.Topology.Admit(pod); why != nil {
		return rejected(why.Reason, why.Message)
	}
	if m.holds(pod.UID) != had {
		m.wakeAll()
	}
	return nil
}

// unpin gives what the pod has for itself to all others; m.mu is held.
func (m *Manager) unpin(uid types.UID) {
	if m.Topology == nil {
		return
	}
	had := m.holds(uid)
	if err := m.Topology.Release(uid); err != nil {
		klog.ErrorS(err, "Cannot forget what a pod had for itself", "uid", uid)
	}
	if m.holds(uid) != had {
		m.wakeAll()
	}
}

// holds tells whether the pod has CPUs that no other uses.
func (m *Manager) holds(uid types.UID) bool { return m.CPUs != nil && m.CPUs.Holds(uid) }

func (m *Manager) wakeAll() {
	for _, w := range m.workers {
		w.tell(func(*box) {})
	}
}

// retain takes back what pods have for themselves that went while no agent ran.
func (m *Manager) retain() {
	if m.Topology == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.Topology.Retain(func(uid types.UID) bool { return m.workers[uid] != nil }); err != nil {
		klog.ErrorS(err, "Cannot forget what pods had for themselves that are gone")
	}
}

// fixed tells that what the pod has cannot be changed: its CPUs or its memory are its own.
func (m *Manager) fixed(wanted, has *v1.Pod) *resize.Refusal {
	if qos(wanted) != v1.PodQOSGuaranteed {
		return nil
	}
	changes := func(name v1.ResourceName) bool {
		before, after := resize.Of(has), resize.Of(wanted)
		if p, q := before.Pod, after.Pod; p != nil && q != nil {
			if x, y := p.Requests[name], q.Requests[name]; x.Cmp(y) != 0 {
				return true
			}
		}
		for container, r := range after.Containers {
			if x, y := before.Containers[container].Requests[name], r.Requests[name]; x.Cmp(y) != 0 {
				return true
			}
		}
		return false
	}
	if m.CPUs != nil && changes(v1.ResourceCPU) {
		return &resize.Refusal{Reason: v1.PodReasonInfeasible, Message: `Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"`}
	}
	if m.Memory != nil && changes(v1.ResourceMemory) {
		return &resize.Refusal{Reason: v1.PodReasonInfeasible, Message: `Resize is infeasible for Guaranteed Pods alongside Memory Manager policy "Static"`}
	}
	return nil
}
