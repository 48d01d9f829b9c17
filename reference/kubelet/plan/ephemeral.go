package plan

import (
	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Ephemeral is the ephemeral container as one of the others: it has the same fields, though most must be empty.
func Ephemeral(e *v1.EphemeralContainer) *v1.Container {
	return (*v1.Container)(&e.EphemeralContainerCommon)
}

// ephemeralContainers starts those that never were, even before the init containers: they are there to
// find out why something does not work. None is started a second time (docs: workloads/pods/ephemeral-containers).
func (d *decision) ephemeralContainers() {
	for i := range d.Pod.Spec.EphemeralContainers {
		e := &d.Pod.Spec.EphemeralContainers[i]
		start := Start{Container: Ephemeral(e), Target: e.TargetContainerName}
		switch latest := d.State.Latest(e.Name); {
		case latest == nil && !Lost(d.Pod, d.State, e.Name):
		case latest != nil && latest.State == runtime.StateCreated:
			// Created and never started: the agent died in between.
			d.plan.Remove = append(d.plan.Remove, latest.ID)
		default:
			continue
		}
		d.plan.Start = append(d.plan.Start, start)
	}
}
