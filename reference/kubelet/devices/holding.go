package devices

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// holding is the devices of one resource that a container has.
type holding struct {
	// devices are in the order of their ids.
	devices []Device
	// answer is what the plugin said the container needs; nil until it was asked.
	answer *api.ContainerAllocateResponse
	// affinity is where they should come from, for when they are chosen anew.
	affinity []int
}

func (h *holding) ids() []string {
	out := make([]string, 0, len(h.devices))
	for _, d := range h.devices {
		out = append(out, d.ID)
	}
	return out
}

// containers are the holdings by container and resource.
type containers map[string]map[string]*holding

// holdings are those of all pods.
type holdings map[types.UID]containers

func (h holdings) get(uid types.UID, container, resource string) *holding {
	return h[uid][container][resource]
}

func (h holdings) set(uid types.UID, container, resource string, held *holding) {
	if h[uid] == nil {
		h[uid] = containers{}
	}
	if h[uid][container] == nil {
		h[uid][container] = map[string]*holding{}
	}
	h[uid][container][resource] = held
}

func (h holdings) drop(uid types.UID, container, resource string) {
	delete(h[uid][container], resource)
	if len(h[uid][container]) == 0 {
		delete(h[uid], container)
	}
	if len(h[uid]) == 0 {
		delete(h, uid)
	}
}

// inUse are the ids of the resource's devices that any container has.
func (h holdings) inUse(resource string) map[string]bool {
	out := map[string]bool{}
	for _, pod := range h {
		for _, container := range pod {
			if held := container[resource]; held != nil {
				for _, d := range held.devices {
					out[d.ID] = true
				}
			}
		}
	}
	return out
}

// holders are the pods that have a device of the resource.
func (h holdings) holders(resource string) []types.UID {
	var out []types.UID
	for uid, pod := range h {
		for _, container := range pod {
			if container[resource] != nil {
				out = append(out, uid)
				break
			}
		}
	}
	return out
}

// order is that of the pod's containers in which they get devices.
func order(pod *v1.Pod) []*v1.Container {
	var out []*v1.Container
	for i := range pod.Spec.InitContainers {
		out = append(out, &pod.Spec.InitContainers[i])
	}
	for i := range pod.Spec.Containers {
		out = append(out, &pod.Spec.Containers[i])
	}
	return out
}

// ends tells whether the container has ended when the next one begins: an init container, but no sidecar.
func ends(pod *v1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c v1.Container) bool {
		return c.Name == name && (c.RestartPolicy == nil || *c.RestartPolicy != v1.ContainerRestartPolicyAlways)
	})
}

// reusable are the ids that init containers before the named one leave to it: those that have ended, less what
// containers in between have taken.
func (h holdings) reusable(pod *v1.Pod, name, resource string) []string {
	free := map[string]bool{}
	for _, c := range order(pod) {
		if c.Name == name {
			break
		}
		held := h.get(pod.UID, c.Name, resource)
		if held == nil {
			continue
		}
		for _, d := range held.devices {
			if ends(pod, c.Name) {
				free[d.ID] = true
			} else {
				delete(free, d.ID)
			}
		}
	}
	return slices.Sorted(maps.Keys(free))
}
