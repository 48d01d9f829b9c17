package plan

import (
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Sidecar tells whether an init container is one that keeps running beside the app
// containers (restartPolicy Always, KEP-753).
func Sidecar(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
}

// Initialized tells whether the app containers may run: one of them was already started in
// the present sandbox, so all init containers had done their work.
func Initialized(pod *v1.Pod, state *runtime.Pod) bool {
	sandbox := state.Sandbox()
	if sandbox == nil {
		return false
	}
	for i := range pod.Spec.Containers {
		if c := state.Latest(pod.Spec.Containers[i].Name); c != nil && c.SandboxID == sandbox.ID {
			return true
		}
	}
	return false
}

// initContainers brings the init containers forward by one step and tells whether the app
// containers may be started.
func (d *decision) initContainers() bool {
	initialized := Initialized(d.Pod, d.State)
	for i := range d.Pod.Spec.InitContainers {
		c := &d.Pod.Spec.InitContainers[i]
		latest := d.State.Latest(c.Name)
		if latest != nil && latest.SandboxID != d.sandbox {
			// It belongs to a sandbox that is gone: what it prepared may be gone too.
			if !initialized || Sidecar(c) {
				d.plan.Start = append(d.plan.Start, Start{Container: c, Init: true, Attempt: latest.Attempt + 1, After: latest.FinishedAt})
			}
			if !initialized {
				return false
			}
			continue
		}
		if initialized && !Sidecar(c) {
			continue
		}
		if !d.passed(c, latest) {
			d.keep(c, true, latest)
			if !initialized {
				return false
			}
			continue
		}
		if Sidecar(c) {
			d.check(c, latest)
		}
	}
	return true
}

// passed tells whether the next init container may start: this one ended well, or, for a
// sidecar, it runs and has started.
func (d *decision) passed(c *v1.Container, latest *runtime.Container) bool {
	if latest == nil {
		return false
	}
	if Sidecar(c) {
		return latest.State == runtime.StateRunning && d.Started[latest.ID]
	}
	return latest.State == runtime.StateExited && latest.ExitCode == 0
}
