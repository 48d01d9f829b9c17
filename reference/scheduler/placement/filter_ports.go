package placement

import corev1 "k8s.io/api/core/v1"

// hostPort is a port that a pod takes on its node. An empty or 0.0.0.0 address in the pod means
// all addresses of the node and is kept as anyIP.
type hostPort struct {
	ip       string
	protocol corev1.Protocol
	port     int32
}

const anyIP = "0.0.0.0"

func hostPorts(pod *corev1.Pod) []hostPort {
	var ports []hostPort
	add := func(cs []corev1.Container, sidecarsOnly bool) {
		for i := range cs {
			if sidecarsOnly && (cs[i].RestartPolicy == nil || *cs[i].RestartPolicy != corev1.ContainerRestartPolicyAlways) {
				continue
			}
			for _, p := range cs[i].Ports {
				if p.HostPort <= 0 {
					continue
				}
				hp := hostPort{ip: p.HostIP, protocol: p.Protocol, port: p.HostPort}
				if hp.ip == "" {
					hp.ip = anyIP
				}
				if hp.protocol == "" {
					hp.protocol = corev1.ProtocolTCP
				}
				ports = append(ports, hp)
			}
		}
	}
	add(pod.Spec.InitContainers, true)
	add(pod.Spec.Containers, false)
	return ports
}

// nodePorts keeps two pods from wanting the same host port of a node.
type nodePorts struct{}

func (nodePorts) Name() string { return "NodePorts" }

func (nodePorts) Passes(pod *Pod, node *Node) bool {
	for _, want := range pod.ports {
		for taken := range node.ports {
			if want.conflicts(taken) {
				return false
			}
		}
	}
	return true
}

func (nodePorts) Explain(*Pod, *Node) Refusal {
	return Refusal{Reasons: []string{"node(s) didn't have free ports for the requested pod ports"}}
}

func (p hostPort) conflicts(o hostPort) bool {
	return p.port == o.port && p.protocol == o.protocol && (p.ip == o.ip || p.ip == anyIP || o.ip == anyIP)
}
