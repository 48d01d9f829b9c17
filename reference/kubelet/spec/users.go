package spec

import (
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/users"
)

// MapSandbox has the sandbox's users be those of the node from first on.
func MapSandbox(c *criv1.PodSandboxConfig, first uint32) {
	c.Linux.SecurityContext.NamespaceOptions.UsernsOptions = userNamespace(first)
}

// MapContainer has the container's users be those of the node from first on. Its volumes belong to the same users
// inside as they do on the node, and so outlive a change of the range.
func MapContainer(c *criv1.ContainerConfig, first uint32) {
	c.Linux.SecurityContext.NamespaceOptions.UsernsOptions = userNamespace(first)
	for _, m := range c.Mounts {
		m.UidMappings, m.GidMappings = mapping(first), mapping(first)
	}
}

func userNamespace(first uint32) *criv1.UserNamespace {
	return &criv1.UserNamespace{Mode: criv1.NamespaceMode_POD, Uids: mapping(first), Gids: mapping(first)}
}

func mapping(first uint32) []*criv1.IDMapping {
	return []*criv1.IDMapping{{HostId: first, ContainerId: 0, Length: users.PerPod}}
}
