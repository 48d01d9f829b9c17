package warnings

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containers warns of the containers of a pod, and of names of ports that several of them claim.
func containers(spec *field.Path, s *corev1.PodSpec) (out []string) {
	var ports []placedPort
	for i := range s.InitContainers {
		c, at := &s.InitContainers[i], spec.Child("initContainers").Index(i)
		out = append(out, container(at, c)...)
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			ports = append(ports, placed(at, c)...)
		}
	}
	for i := range s.Containers {
		c, at := &s.Containers[i], spec.Child("containers").Index(i)
		out = append(out, container(at, c)...)
		ports = append(ports, placed(at, c)...)
	}
	return append(out, samePortNames(ports)...)
}

func container(p *field.Path, c *corev1.Container) []string {
	out := wholeBytes(p.Child("resources", "limits"), c.Resources.Limits, corev1.ResourceMemory, corev1.ResourceEphemeralStorage)
	out = append(out, wholeBytes(p.Child("resources", "requests"), c.Resources.Requests, corev1.ResourceMemory, corev1.ResourceEphemeralStorage)...)
	out = append(out, hiddenVariables(p.Child("env"), c.Env)...)
	return append(out, samePorts(placed(p, c))...)
}

// hiddenVariables warns of a variable that is set twice, unless the later one extends the earlier.
func hiddenVariables(p *field.Path, env []corev1.EnvVar) (out []string) {
	names := sets.New[string]()
	for i, v := range env {
		extends := v.ValueFrom == nil && strings.Contains(v.Value, "$("+v.Name+")")
		if names.Has(v.Name) && !extends {
			out = append(out, fmt.Sprintf("%s: hides previous definition of %q, which may be dropped when using apply", p.Index(i), v.Name))
		}
		names.Insert(v.Name)
	}
	return out
}

// placedPort is a port of a container, and where it is in the pod.
type placedPort struct {
	path *field.Path
	corev1.ContainerPort
}

func placed(p *field.Path, c *corev1.Container) (ports []placedPort) {
	for i, port := range c.Ports {
		ports = append(ports, placedPort{p.Child("ports").Index(i), port})
	}
	return ports
}

// samePortNames warns of names that several ports have: who asks for the name gets the first.
func samePortNames(ports []placedPort) (out []string) {
	first := map[string]*field.Path{}
	for _, port := range ports {
		if port.Name == "" {
			continue
		}
		if other, ok := first[port.Name]; ok {
			out = append(out, fmt.Sprintf("%s: duplicate port name %q with %s, services and probes that select ports by name will use %s",
				port.path, port.Name, other, other))
			continue
		}
		first[port.Name] = port.path
	}
	return out
}

// samePorts warns of ports that one container lists twice.
func samePorts(ports []placedPort) (out []string) {
	for i, port := range ports {
		for _, other := range ports[:i] {
			if port.Protocol != other.Protocol || port.ContainerPort != other.ContainerPort {
				continue
			}
			if port.HostPort == other.HostPort && port.HostIP == other.HostIP {
				out = append(out, fmt.Sprintf("%s: duplicate port definition with %s", port.path, other.path))
				break
			}
			if port.HostPort == 0 || other.HostPort == 0 {
				out = append(out, fmt.Sprintf("%s: overlapping port definition with %s", port.path, other.path))
				break
			}
		}
	}
	return out
}
