package core

import (
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// Nodes is the nodes resource.
var Nodes = generic.Resource[*corev1.Node]{
	GV: corev1.SchemeGroupVersion, Plural: "nodes", Singular: "node", Short: []string{"no"}, Cluster: true,
	Object: &corev1.Node{}, List: &corev1.NodeList{},
	Spec:           func(n *corev1.Node) any { return &n.Spec },
	Status:         func(n *corev1.Node) any { return &n.Status },
	StatusOnCreate: true, // a kubelet registers with its addresses and capacity
	Drop:           disabled.Node,
	Validate:       validation.Node,
	Warnings:       warnings.Node,
	ValidateUpdate: validation.NodeUpdate,
	ValidateStatus: validation.NodeStatusUpdate,
	Fields: func(n *corev1.Node) fields.Set {
		return fields.Set{"spec.unschedulable": strconv.FormatBool(n.Spec.Unschedulable)}
	},
	Indexed: "metadata.name", // each kubelet watches its own
	Columns: nodeColumns,
}

var (
	nodeDoc     = corev1.NodeStatus{}.SwaggerDoc()
	nodeInfoDoc = corev1.NodeSystemInfo{}.SwaggerDoc()
)

var nodeColumns = []generic.Column[*corev1.Node]{
	generic.Name[*corev1.Node](),
	{Name: "Status", Doc: "The status of the node", Cell: func(n *corev1.Node) any { return nodeStatus(n) }},
	{Name: "Roles", Doc: "The roles of the node", Cell: func(n *corev1.Node) any { return nodeRoles(n) }},
	generic.Age[*corev1.Node](),
	{Name: "Version", Doc: nodeInfoDoc["kubeletVersion"], Cell: func(n *corev1.Node) any { return n.Status.NodeInfo.KubeletVersion }},
	{Name: "Internal-IP", Wide: true, Doc: nodeDoc["addresses"], Cell: func(n *corev1.Node) any { return nodeAddress(n, corev1.NodeInternalIP) }},
	{Name: "External-IP", Wide: true, Doc: nodeDoc["addresses"], Cell: func(n *corev1.Node) any { return nodeAddress(n, corev1.NodeExternalIP) }},
	{Name: "OS-Image", Wide: true, Doc: nodeInfoDoc["osImage"], Cell: func(n *corev1.Node) any { return generic.Or(n.Status.NodeInfo.OSImage, generic.Unknown) }},
	{Name: "Kernel-Version", Wide: true, Doc: nodeInfoDoc["kernelVersion"],
		Cell: func(n *corev1.Node) any { return generic.Or(n.Status.NodeInfo.KernelVersion, generic.Unknown) }},
	{Name: "Container-Runtime", Wide: true, Doc: nodeInfoDoc["containerRuntimeVersion"],
		Cell: func(n *corev1.Node) any {
			return generic.Or(n.Status.NodeInfo.ContainerRuntimeVersion, generic.Unknown)
		}},
}

// nodeStatus says Ready, NotReady or Unknown (nobody has said yet), and whether the node is cordoned.
func nodeStatus(n *corev1.Node) string {
	status := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			status = "NotReady"
			if c.Status == corev1.ConditionTrue {
				status = "Ready"
			}
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

// Labels that give a node a role.
const (
	roleLabelPrefix = "node-role.kubernetes.io/"
	roleLabel       = "kubernetes.io/role"
)

func nodeRoles(n *corev1.Node) string {
	roles := map[string]bool{}
	for key, value := range n.Labels {
		if role, ok := strings.CutPrefix(key, roleLabelPrefix); ok && role != "" {
			roles[role] = true
		} else if key == roleLabel && value != "" {
			roles[value] = true
		}
	}
	var sorted []string
	for role := range roles {
		sorted = append(sorted, role)
	}
	sort.Strings(sorted)
	return generic.Joined(sorted)
}

func nodeAddress(n *corev1.Node, kind corev1.NodeAddressType) string {
	for _, a := range n.Status.Addresses {
		if a.Type == kind {
			return a.Address
		}
	}
	return generic.None
}
