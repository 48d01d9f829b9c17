package env

import (
	"net"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Services returns the variables that tell a pod in namespace of the Services there
// (docs: services-networking/service, "Environment variables"). The Service kubernetes of the
// namespace default is always told of; all others only if links is true. Headless Services
// have no address and no variables.
func Services(services []*v1.Service, namespace string, links bool) []Var {
	told := map[string]*v1.Service{}
	for _, s := range services {
		if s.Spec.ClusterIP == "" || s.Spec.ClusterIP == v1.ClusterIPNone || len(s.Spec.Ports) == 0 {
			continue
		}
		master := s.Namespace == metaDefault && s.Name == masterService
		switch {
		case s.Namespace == namespace && (links || master):
			told[s.Name] = s
		case master && told[s.Name] == nil:
			told[s.Name] = s
		}
	}
	names := make([]string, 0, len(told))
	for name := range told {
		names = append(names, name)
	}
	slices.Sort(names)
	var vars []Var
	for _, name := range names {
		vars = append(vars, service(told[name])...)
	}
	return vars
}

const (
	metaDefault   = "default"
	masterService = "kubernetes"
)

func service(s *v1.Service) []Var {
	name, ip := variable(s.Name), s.Spec.ClusterIP
	first := strconv.Itoa(int(s.Spec.Ports[0].Port))
	vars := []Var{{name + "_SERVICE_HOST", ip}, {name + "_SERVICE_PORT", first}}
	for _, p := range s.Spec.Ports {
		if p.Name != "" {
			vars = append(vars, Var{name + "_SERVICE_PORT_" + variable(p.Name), strconv.Itoa(int(p.Port))})
		}
	}
	for i, p := range s.Spec.Ports {
		protocol, port := p.Protocol, strconv.Itoa(int(p.Port))
		if protocol == "" {
			protocol = v1.ProtocolTCP
		}
		url := strings.ToLower(string(protocol)) + "://" + net.JoinHostPort(ip, port)
		if i == 0 {
			vars = append(vars, Var{name + "_PORT", url})
		}
		prefix := name + "_PORT_" + port + "_" + strings.ToUpper(string(protocol))
		vars = append(vars,
			Var{prefix, url},
			Var{prefix + "_PROTO", strings.ToLower(string(protocol))},
			Var{prefix + "_PORT", port},
			Var{prefix + "_ADDR", ip})
	}
	return vars
}

// variable is a name as the name of an environment variable.
func variable(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
