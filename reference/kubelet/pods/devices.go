package pods

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	grpcstatus "google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/env"
	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// Devices knows the devices of plugins and who has them: they are given away by the topology manager.
type Devices interface {
	// Has tells whether the resource is a plugin's.
	Has(v1.ResourceName) bool
	// Pending tells whether Allocate has something to do; it has the plugins prepare what the pod was given.
	Pending(types.UID) bool
	Allocate(context.Context, *v1.Pod) error
	// Settings is what the devices need of the container's configuration.
	Settings(context.Context, *v1.Pod, *v1.Container) (devices.Settings, error)
	Health(uid types.UID, container string) []v1.ResourceStatus
}

// unexpected refuses a pod that does not get what the scheduler must have thought it would.
func unexpected(err error) *status.Verdict {
	return rejected("UnexpectedAdmissionError", fmt.Sprintf("Allocate failed due to %v, which is unexpected", err))
}

// withoutDevices is the node without the resources of plugins: devices are counted when they are given away.
func (m *Manager) withoutDevices(node *v1.Node) *v1.Node {
	if m.Devices == nil {
		return node
	}
	out := *node
	out.Status.Allocatable = maps.Clone(node.Status.Allocatable)
	maps.DeleteFunc(out.Status.Allocatable, func(name v1.ResourceName, _ resource.Quantity) bool {
		return devices.Extended(name) && m.Devices.Has(name)
	})
	return &out
}

// prepareDevices has plugins prepare the devices that are reserved for the pod. They may take their time.
func (w *worker) prepareDevices(ctx context.Context) {
	if w.m.Devices == nil || !w.m.Devices.Pending(w.pod.UID) {
		return
	}
	w.begin(ctx, func(ctx context.Context, t *tasks) {
		err := t.m.Devices.Allocate(ctx, t.pod)
		if err != nil && ctx.Err() == nil {
			t.outcome.refused = unexpected(plain(err))
		}
	})
}

// plain is what a plugin says, without how it came here.
func plain(err error) error {
	if s, ok := grpcstatus.FromError(err); ok {
		return errors.New(s.Message())
	}
	return err
}

// refused ends a pod that does not get its devices.
func (w *worker) refused(why *status.Verdict) {
	if why == nil || w.stage != active || w.verdict != nil {
		return
	}
	w.verdict = why
	w.m.Recorder.Event(events.Pod(w.pod), v1.EventTypeWarning, why.Reason, why.Message)
	w.m.leave(w.pod.UID)
}

// deviceHealth tells how the container's devices are.
func (w *worker) deviceHealth(container string) []v1.ResourceStatus {
	if w.m.Devices == nil {
		return nil
	}
	return w.m.Devices.Health(w.pod.UID, container)
}

// devices is what the container's devices need of its configuration.
func (t *tasks) devices(ctx context.Context, c *v1.Container) (devices.Settings, error) {
	if t.m.Devices == nil {
		return devices.Settings{}, nil
	}
	return t.m.Devices.Settings(ctx, t.pod, c)
}

// withVariables adds the variables that plugins give to the container's own, which win.
func withVariables(given map[string]string, own []env.Var) []env.Var {
	var out []env.Var
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(own, func(v env.Var) bool { return v.Name == name }) {
			out = append(out, env.Var{Name: name, Value: given[name]})
		}
	}
	return append(out, own...)
}

// annotate adds what else the container's devices need.
func annotate(config *criv1.ContainerConfig, given devices.Settings) {
	for name, value := range given.Annotations {
		if _, own := config.Annotations[name]; !own {
			config.Annotations[name] = value
		}
	}
	config.CDIDevices = append(config.CDIDevices, given.CDI...)
}
