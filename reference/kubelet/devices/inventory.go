package devices

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// grace is how long the node goes on to count the devices of a plugin that went away: it may be being updated. None of
// them is given to a pod meanwhile.
const grace = 5 * time.Minute

// inventory is what is known of one resource.
type inventory struct {
	// plugin is nil while there is none; it went away at the time left.
	plugin  *plugin
	left    time.Time
	devices map[string]Device
	// dropped: the grace is over.
	dropped bool
}

// listed converts what a plugin tells.
func listed(list []*api.Device) map[string]Device {
	out := make(map[string]Device, len(list))
	for _, d := range list {
		device := Device{ID: d.ID, Healthy: d.Health == api.Healthy}
		for _, node := range d.GetTopology().GetNodes() {
			device.NUMA = append(device.NUMA, int(node.ID))
		}
		slices.Sort(device.NUMA)
		out[d.ID] = device
	}
	return out
}

// healthy tells whether the device can be given to a container.
func (i *inventory) healthy(id string) bool { return i.plugin != nil && i.devices[id].Healthy }

// counts are how many devices there are, and how many of these can be given to containers.
func (i *inventory) counts() (capacity, allocatable int) {
	for id := range i.devices {
		if i.healthy(id) {
			allocatable++
		}
	}
	return len(i.devices), allocatable
}

// health is how a device is that a container has.
func (i *inventory) health(id string) v1.ResourceHealthStatus {
	if i == nil || i.plugin == nil {
		return v1.ResourceHealthStatusUnknown
	}
	switch d, known := i.devices[id]; {
	case !known:
		return v1.ResourceHealthStatusUnknown
	case d.Healthy:
		return v1.ResourceHealthStatusHealthy
	}
	return v1.ResourceHealthStatusUnhealthy
}

// expire drops the devices if their plugin has been away for too long, and tells whether it did.
func (i *inventory) expire(now time.Time) bool {
	if i.plugin != nil || i.dropped || now.Sub(i.left) < grace {
		return false
	}
	i.devices, i.dropped = nil, true
	return true
}

func quantity(n int) resource.Quantity { return *resource.NewQuantity(int64(n), resource.DecimalSI) }
