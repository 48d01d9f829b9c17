package pods

import (
	"cmp"

	v1 "k8s.io/api/core/v1"
)

// hostPort is a port of the node that a pod takes.
type hostPort struct {
	address  string
	protocol v1.Protocol
	port     int32
}

const everyAddress = "0.0.0.0"

// hostPorts are the ports of the node that the pod takes while it runs, its sidecars' too.
func hostPorts(pod *v1.Pod) []hostPort {
	var out []hostPort
	add := func(c *v1.Container) {
		for _, p := range c.Ports {
			if p.HostPort > 0 {
				out = append(out, hostPort{cmp.Or(p.HostIP, everyAddress), cmp.Or(p.Protocol, v1.ProtocolTCP), p.HostPort})
			}
		}
	}
	for i := range pod.Spec.InitContainers {
		if policy := pod.Spec.InitContainers[i].RestartPolicy; policy != nil && *policy == v1.ContainerRestartPolicyAlways {
			add(&pod.Spec.InitContainers[i])
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	return out
}

// clash tells whether the pod wants a port of the node that one of the others has.
func clash(pod *v1.Pod, others []*v1.Pod) bool {
	wanted := hostPorts(pod)
	if len(wanted) == 0 {
		return false
	}
	for _, other := range others {
		for _, has := range hostPorts(other) {
			for _, want := range wanted {
				if want.port == has.port && want.protocol == has.protocol &&
					(want.address == has.address || want.address == everyAddress || has.address == everyAddress) {
					return true
				}
			}
		}
	}
	return false
}
