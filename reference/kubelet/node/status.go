package node

import (
	"maps"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
)

// maxNames bounds the names of an image in the status.
const (
	maxNames = 5
)

// Observed is what the agent finds each time it looks.
type Observed struct {
	// Problems tell why the node is not ready; none if it is.
	Problems []string
	// Runtime names the container runtime and its version, "containerd://2.4.2".
	Runtime string
	Images  []*criv1.Image
	// VolumesInUse are the attached volumes that pods use, in order.
	VolumesInUse []v1.UniqueVolumeName
	// Handlers and Features are what the runtime can do.
	Handlers []v1.NodeRuntimeHandler
	Features *v1.NodeFeatures
	// Devices are what the node has of the resources of device plugins, DevicesAllocatable what pods may have of them.
	Devices, DevicesAllocatable v1.ResourceList
	// DiskPressure, MemoryPressure and PIDPressure tell that the node runs out of these.
	DiskPressure, MemoryPressure, PIDPressure bool
}

// apply writes what was found into the node. Times of transitions and heartbeats are kept
// where nothing else changed.
func (s *Self) apply(n *v1.Node, o Observed, now time.Time) {
	n.Status.Capacity = extended(n.Status.Capacity)
	maps.Copy(n.Status.Capacity, s.Machine.Capacity.DeepCopy())
	maps.Copy(n.Status.Capacity, o.Devices)
	n.Status.Allocatable = s.Machine.Reserved.Allocatable(n.Status.Capacity)
	maps.Copy(n.Status.Allocatable, o.DevicesAllocatable)
	n.Status.NodeInfo = s.Machine.Info
	n.Status.NodeInfo.ContainerRuntimeVersion = o.Runtime
	n.Status.NodeInfo.KubeletVersion = s.Version
	n.Status.NodeInfo.KubeProxyVersion = ""
	n.Status.Addresses = s.addresses()
	n.Status.DaemonEndpoints.KubeletEndpoint.Port = s.Port
	n.Status.VolumesInUse = o.VolumesInUse
	n.Status.DeclaredFeatures = s.Declared
	n.Status.Images = images(o.Images, s.MaxImages)
	if o.Runtime != "" {
		n.Status.RuntimeHandlers, n.Status.Features = o.Handlers, o.Features
	}
	for _, c := range conditions(o) {
		setCondition(n, c, now)
	}
}

// extended are those of the resources that others may have given the node: the agent keeps them
// (docs: tasks/administer-cluster/extended-resource-node).
func extended(list v1.ResourceList) v1.ResourceList {
	out := v1.ResourceList{}
	for name, amount := range list {
		if devices.Extended(name) {
			out[name] = amount.DeepCopy()
		}
	}
	return out
}

func (s *Self) addresses() []v1.NodeAddress {
	var out []v1.NodeAddress
	for _, ip := range s.IPs {
		out = append(out, v1.NodeAddress{Type: v1.NodeInternalIP, Address: ip})
	}
	return append(out, v1.NodeAddress{Type: v1.NodeHostName, Address: s.Name})
}

func conditions(o Observed) []v1.NodeCondition {
	ready := v1.NodeCondition{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"}
	if len(o.Problems) > 0 {
		ready.Status, ready.Reason, ready.Message = v1.ConditionFalse, "KubeletNotReady", "["+strings.Join(o.Problems, ", ")+"]"
		if len(o.Problems) == 1 {
			ready.Message = o.Problems[0]
		}
	}
	return []v1.NodeCondition{
		pressure(v1.NodeMemoryPressure, o.MemoryPressure,
			"KubeletHasInsufficientMemory", "kubelet has insufficient memory available",
			"KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		pressure(v1.NodeDiskPressure, o.DiskPressure,
			"KubeletHasDiskPressure", "kubelet has disk pressure",
			"KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		pressure(v1.NodePIDPressure, o.PIDPressure,
			"KubeletHasInsufficientPID", "kubelet has insufficient PID available",
			"KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		ready,
	}
}

func pressure(t v1.NodeConditionType, on bool, badReason, bad, goodReason, good string) v1.NodeCondition {
	if on {
		return v1.NodeCondition{Type: t, Status: v1.ConditionTrue, Reason: badReason, Message: bad}
	}
	return v1.NodeCondition{Type: t, Status: v1.ConditionFalse, Reason: goodReason, Message: good}
}

func setCondition(n *v1.Node, c v1.NodeCondition, now time.Time) {
	c.LastHeartbeatTime, c.LastTransitionTime = metav1.NewTime(now), metav1.NewTime(now)
	for i := range n.Status.Conditions {
		old := &n.Status.Conditions[i]
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		*old = c
		return
	}
	n.Status.Conditions = append(n.Status.Conditions, c)
}

// images lists the largest images, at most that many unless it is negative.
func images(list []*criv1.Image, most int) []v1.ContainerImage {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *criv1.Image) int {
		if a.Size != b.Size {
			return int(min(max(int64(b.Size)-int64(a.Size), -1), 1))
		}
		return strings.Compare(a.Id, b.Id)
	})
	var out []v1.ContainerImage
	if most >= 0 {
		list = list[:min(len(list), most)]
	}
	for _, i := range list {
		names := slices.Concat(i.RepoDigests, i.RepoTags)
		out = append(out, v1.ContainerImage{Names: names[:min(len(names), maxNames)], SizeBytes: int64(i.Size)})
	}
	return out
}

// problems returns why the runtime cannot run pods.
func problems(s *criv1.RuntimeStatus) []string {
	var out []string
	for _, want := range []struct{ condition, text string }{
		{criv1.RuntimeReady, "container runtime not ready"},
		{criv1.NetworkReady, "container runtime network not ready"},
	} {
		var found *criv1.RuntimeCondition
		for _, c := range s.GetConditions() {
			if c.Type == want.condition {
				found = c
			}
		}
		if found == nil {
			out = append(out, want.text)
		} else if !found.Status {
			out = append(out, want.text+": "+found.Type+"="+"false reason:"+found.Reason+" message:"+found.Message)
		}
	}
	return out
}

// Under returns what was found with the conditions of pressure that are true.
func (o Observed) Under(conditions []v1.NodeConditionType) Observed {
	o.MemoryPressure = slices.Contains(conditions, v1.NodeMemoryPressure)
	o.DiskPressure = slices.Contains(conditions, v1.NodeDiskPressure)
	o.PIDPressure = slices.Contains(conditions, v1.NodePIDPressure)
	return o
}
