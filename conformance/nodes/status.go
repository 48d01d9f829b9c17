// Package nodes judges the area "nodes".
package nodes

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// renewals bounds the time between two renewals of a node's Lease: every 10 s, by default.
const renewals = 60 * time.Second

var _ = Describe("nodes", func() {
	f := New()

	f.It("nodes/registered", func(ctx SpecContext) {
		for _, node := range f.Nodes(ctx) {
			for _, resource := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourcePods, corev1.ResourceEphemeralStorage} {
				capacity, allocatable := node.Status.Capacity[resource], node.Status.Allocatable[resource]
				Expect(capacity.Sign()).To(Equal(1), "capacity for %s of %s: %s", resource, node.Name, capacity.String())
				Expect(allocatable.Sign()).To(Equal(1), "allocatable %s of %s: %s", resource, node.Name, allocatable.String())
				Expect(allocatable.Cmp(capacity)).To(BeNumerically("<=", 0), "allocatable %s of %s is more than its capacity", resource, node.Name)
			}
			Expect(node.Status.Addresses).To(ContainElement(HaveField("Type", corev1.NodeInternalIP)))
			Expect(node.Status.Addresses).To(ContainElement(HaveField("Type", corev1.NodeHostName)))
			info := node.Status.NodeInfo
			Expect(info.KubeletVersion).To(MatchRegexp(`^v1\.[0-9]+\.`))
			Expect([]string{info.ContainerRuntimeVersion, info.OperatingSystem, info.Architecture, info.KernelVersion, info.OSImage, info.MachineID}).NotTo(ContainElement(""))
			Expect(node.Status.DaemonEndpoints.KubeletEndpoint.Port).NotTo(BeZero())
		}
	})

	f.It("nodes/labels", func(ctx SpecContext) {
		for _, node := range f.Nodes(ctx) {
			Expect(node.Labels).To(HaveKey(corev1.LabelHostname))
			Expect(node.Labels).To(HaveKeyWithValue(corev1.LabelOSStable, node.Status.NodeInfo.OperatingSystem))
			Expect(node.Labels).To(HaveKeyWithValue(corev1.LabelArchStable, node.Status.NodeInfo.Architecture))
		}
	})

	f.It("nodes/conditions", func(ctx SpecContext) {
		for _, node := range f.Nodes(ctx) {
			conditions := map[corev1.NodeConditionType]corev1.ConditionStatus{}
			for _, condition := range node.Status.Conditions {
				conditions[condition.Type] = condition.Status
				Expect(condition.LastHeartbeatTime.IsZero()).To(BeFalse(), "heartbeat of %s", condition.Type)
				Expect(condition.Reason).NotTo(BeEmpty(), "reason of %s", condition.Type)
			}
			Expect(conditions).To(And(HaveKeyWithValue(corev1.NodeReady, corev1.ConditionTrue), HaveKeyWithValue(corev1.NodeMemoryPressure, corev1.ConditionFalse),
				HaveKeyWithValue(corev1.NodeDiskPressure, corev1.ConditionFalse), HaveKeyWithValue(corev1.NodePIDPressure, corev1.ConditionFalse)), "conditions of %s", node.Name)
			for _, taint := range node.Spec.Taints {
				Expect(taint.Key).NotTo(HavePrefix("node.kubernetes.io/"), "taints of %s", node.Name)
			}
		}
	})

	f.It("nodes/heartbeat", func(ctx SpecContext) {
		for _, node := range f.Nodes(ctx) {
			leases := f.API.CoordinationV1().Leases(corev1.NamespaceNodeLease)
			first, err := leases.Get(ctx, node.Name, metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			Expect(first.Spec.HolderIdentity).To(HaveValue(Equal(node.Name)))
			Expect(ptr.Deref(first.Spec.LeaseDurationSeconds, 0)).To(BeNumerically(">", 0))
			Expect(first.OwnerReferences).To(ContainElement(And(HaveField("Kind", "Node"), HaveField("UID", node.UID))))
			f.WaitUntil(ctx, "the Lease of "+node.Name+" is renewed", renewals, func(ctx context.Context) (bool, string) {
				again, err := leases.Get(ctx, node.Name, metav1.GetOptions{})
				if err != nil {
					return false, err.Error()
				}
				return again.Spec.RenewTime.After(first.Spec.RenewTime.Time), "renewed at " + again.Spec.RenewTime.String()
			})
		}
	})

	f.It("nodes/pods-on-one-node", func(ctx SpecContext) {
		pod := Pod("trio", "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("second", "sleep", "1h"), Container("third", "sleep", "1h"))
		f.Create(ctx, pod)
		ready := f.WaitPodReady(ctx, "trio")
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: ready.Spec.NodeName}}
		f.Get(ctx, node)
		Expect(node.Status.Addresses).To(ContainElement(And(HaveField("Type", corev1.NodeInternalIP), HaveField("Address", ready.Status.HostIP))))
		for _, container := range []string{"main", "second", "third"} {
			Expect(Status(ready, container).Ready).To(BeTrue())
		}
	})
})
