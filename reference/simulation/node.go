package simulation

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strconv"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// NodeLabel marks simulated nodes, so that pods can ask for them or avoid them.
	NodeLabel = "simulate.etalon.dev/node"
	// Silent, as an annotation "true" of a simulated node, silences it: no heartbeat, nothing for its pods.
	Silent = "simulate.etalon.dev/silent"
	// Version is what the nodes report as the version of their kubelet.
	Version = "v1.37.2+etalon"
)

// node is one node as the simulator knows it.
type node struct {
	// beat and report are its jobs: its Lease, its status.
	beat   beat
	report report

	name   string
	number int // from 1
	// silentAt is when it falls silent of itself; zero for never.
	silentAt time.Time

	// What follows is guarded by the simulator's lock.

	uid types.UID
	// gone is true once the Node object has been deleted.
	gone bool
	// silenced is what its annotation says.
	silenced bool
	ready    bool      // as the API server has it
	since    time.Time // the last turn of its conditions
	lease    *coordinationv1.Lease
	hosts    hosts
	pods     int
}

// beat renews a node's Lease, report writes its status.
type (
	beat struct {
		slot
		node *node
	}
	report struct {
		slot
		node *node
	}
)

func newNode(o *Options, number int, began time.Time) *node {
	n := &node{name: o.NodePrefix + strconv.Itoa(number), number: number, hosts: newHosts()}
	n.beat.node, n.report.node = n, n
	if o.SilentShare > 0 && draw(o.Seed, n.name, "silent", 0) < o.SilentShare {
		n.silentAt = began.Add(o.SilentAfter)
	}
	return n
}

// acts tells whether the node does anything at t. The caller holds the simulator's lock.
func (n *node) acts(t time.Time) bool {
	return !n.gone && !n.silenced && (n.silentAt.IsZero() || t.Before(n.silentAt))
}

// address is the node's own.
func (o *Options) address(number int) netip.Addr {
	if o.Listen != "" {
		if at, err := netip.ParseAddrPort(o.Listen); err == nil {
			return at.Addr()
		}
	}
	return nth(o.NodeCIDR, number)
}

// object is the Node as it is registered, Ready from the start.
func (o *Options) object(n *node, now time.Time) *corev1.Node {
	pods := podRange(o.PodCIDR, n.number-1).String()
	out := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        n.name,
			Labels:      o.labels(n),
			Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
		},
		Spec: corev1.NodeSpec{PodCIDR: pods, PodCIDRs: []string{pods}, Taints: o.Taints},
	}
	out.Status = o.status(n, now)
	return out
}

func (o *Options) labels(n *node) map[string]string {
	labels := map[string]string{
		corev1.LabelHostname: n.name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
		"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64", NodeLabel: "true",
	}
	if o.Zones > 0 {
		labels[corev1.LabelTopologyRegion] = "simulated"
		labels[corev1.LabelTopologyZone] = fmt.Sprintf("zone-%d", (n.number-1)%o.Zones+1)
	}
	maps.Copy(labels, o.Labels)
	return labels
}

// status is what the node says of itself.
func (o *Options) status(n *node, now time.Time) corev1.NodeStatus {
	allocatable := o.Capacity.DeepCopy()
	if m, ok := allocatable[corev1.ResourceMemory]; ok && m.Value() > evictionReserve {
		m.Set(m.Value() - evictionReserve)
		allocatable[corev1.ResourceMemory] = m
	}
	s := corev1.NodeStatus{
		Capacity: o.Capacity, Allocatable: allocatable, Conditions: conditions(now, n.since),
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: o.address(n.number).String()}, {Type: corev1.NodeHostName, Address: n.name}},
		NodeInfo: corev1.NodeSystemInfo{
			MachineID: fmt.Sprintf("%032x", n.number), SystemUUID: n.name, BootID: n.name,
			KernelVersion: "simulated", OSImage: "simulated by etalon", ContainerRuntimeVersion: runtimeName + "://" + Version,
			KubeletVersion: Version, OperatingSystem: "linux", Architecture: "amd64",
		},
	}
	s.DaemonEndpoints.KubeletEndpoint.Port = o.port()
	return s
}

// evictionReserve is what a kubelet keeps of a node's memory from pods (docs: reserve-compute-resources, hard eviction).
const evictionReserve = 100 << 20

// port is where the kubelet of each node is said to be.
func (o *Options) port() int32 {
	if _, text, err := net.SplitHostPort(o.Listen); err == nil {
		if port, err := strconv.ParseInt(text, 10, 32); err == nil {
			return int32(port)
		}
	}
	return 10250
}

// conditions are those of a node that is well.
func conditions(now, since time.Time) []corev1.NodeCondition {
	list := []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available"},
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure"},
		{Type: corev1.NodePIDPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientPID", Message: "kubelet has sufficient PID available"},
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"},
	}
	for i := range list {
		list[i].LastHeartbeatTime, list[i].LastTransitionTime = metav1.NewTime(now), metav1.NewTime(since)
	}
	return list
}

// isReady tells whether the Node says so.
func isReady(n *corev1.Node) (ready bool, since time.Time) {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue, c.LastTransitionTime.Time
		}
	}
	return false, time.Time{}
}
