package pods

import (
	"context"
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/static"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// Admit tells whether the node takes the pod beside those that it has; nil means that it does.
// Whoever assigned the pod should have seen to it, but a pod may name its node itself.
func Admit(node *v1.Node, pod *v1.Pod, others []*v1.Pod) *status.Verdict {
	// docs: concepts/workloads/pods#pod-os
	if os := pod.Spec.OS; os != nil && os.Name != v1.Linux {
		return rejected("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
	}
	elsewhere := misplaced(node, pod, others)
	// For want of resources others may have to end: not for a pod that could not be here all the same.
	if elsewhere != nil && eviction.Critical(pod) {
		return elsewhere
	}
	if name, message := lacks(node, pod, others); message != "" {
		return rejected("OutOf"+string(name), message)
	}
	return elsewhere
}

// misplaced tells why the node is not one for the pod, whatever it has left of its resources; nil if it is.
func misplaced(node *v1.Node, pod *v1.Pod, others []*v1.Pod) *status.Verdict {
	if fits, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !fits {
		return rejected("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector")
	}
	if clash(pod, others) {
		return rejected("NodePorts", "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports")
	}
	if static.Is(pod) { // which no taint keeps away
		return nil
	}
	if taint, ok := schedulinghelper.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, pod.Spec.Tolerations, func(t *v1.Taint) bool {
		return t.Effect == v1.TaintEffectNoExecute
	}, false); ok {
		return rejected("TaintToleration", fmt.Sprintf("Predicate TaintToleration failed: node(s) had untolerated taint(s) {%s: %s}", taint.Key, taint.Value))
	}
	return nil
}

// lacks names the resource of which the others leave too little for the pod, and says so for users; both are empty
// if there is enough.
func lacks(node *v1.Node, pod *v1.Pod, others []*v1.Pod) (v1.ResourceName, string) {
	used := v1.ResourceList{}
	for _, other := range others {
		for name, amount := range requests(other) {
			sum := used[name]
			sum.Add(amount)
			used[name] = sum
		}
	}
	wanted := requests(pod)
	for _, name := range inOrder(wanted) {
		want, have := wanted[name], used[name]
		has, known := node.Status.Allocatable[name]
		if !known && devices.Extended(name) {
			// It is the cluster's as a whole; whoever assigned the pod has seen to it.
			continue
		}
		if left := has.DeepCopy(); want.IsZero() || subtract(&left, have).Cmp(want) >= 0 {
			continue
		}
		return name, fmt.Sprintf("Node didn't have enough resource: %s, requested: %d, used: %d, capacity: %d",
			name, units(name, want), units(name, have), units(name, has))
	}
	return "", ""
}

// lacksWord tells whether the pod requests an extended resource of which the node says nothing: somebody may have
// advertised it a moment ago.
func lacksWord(node *v1.Node, pod *v1.Pod) bool {
	for name := range requests(pod) {
		if _, known := node.Status.Allocatable[name]; !known && devices.Extended(name) {
			return true
		}
	}
	return false
}

// onePod is what each pod takes of the pods that a node can have.
var onePod = resource.NewQuantity(1, resource.DecimalSI)

func rejected(reason, message string) *status.Verdict {
	return &status.Verdict{Reason: reason, Message: "Pod was rejected: " + message, Rejected: true}
}

func subtract(q *resource.Quantity, other resource.Quantity) *resource.Quantity {
	q.Sub(other)
	return q
}

// units is how messages count a resource: the CPU in thousandths of a core.
func units(name v1.ResourceName, q resource.Quantity) int64 {
	if name == v1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}

// inOrder returns the names with those first that are reported first.
func inOrder(list v1.ResourceList) []v1.ResourceName {
	first := []v1.ResourceName{v1.ResourcePods, v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage}
	var out []v1.ResourceName
	for _, name := range first {
		if _, ok := list[name]; ok {
			out = append(out, name)
		}
	}
	for name := range list {
		switch name {
		case v1.ResourcePods, v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage:
		default:
			out = append(out, name)
		}
	}
	return out
}

// admit decides once about a pod: one that runs here already, or did, is not sent away. The node as
// last seen may be older than what the scheduler knew, so that nothing is refused by it alone.
func (w *worker) admit(ctx context.Context) {
	node := w.m.Node()
	if w.admitted || node == nil || w.pod.Spec.NodeName == "" || status.Final(w.pod.Status.Phase) {
		return
	}
	w.admitted, w.waits = true, false
	known := len(w.state.Sandboxes)+len(w.state.Containers) > 0 || w.pod.Status.StartTime != nil
	if !known {
		w.verdict = w.m.refuse(w.pod)
		if lacksWord(node, w.pod) {
			node = w.m.FreshNode(ctx)
		}
	}
	if w.verdict == nil {
		w.verdict = w.m.take(node, w.pod, known)
		if w.verdict != nil {
			fresh := w.m.FreshNode(ctx)
			if w.verdict = w.m.take(fresh, w.pod, known); w.verdict != nil {
				w.waits, w.verdict = w.m.makeRoom(fresh, w.pod, w.verdict)
				w.admitted = !w.waits
			}
		}
	}
	if w.verdict != nil {
		w.m.Recorder.Event(events.Pod(w.pod), v1.EventTypeWarning, w.verdict.Reason, w.verdict.Message)
		return
	}
	if !known && !w.waits {
		// What a pod lacks that runs already is seen to when its containers start again.
		w.prepareDevices(ctx)
	}
}

// take counts the pod among those that hold resources of the node, if it fits or always.
func (m *Manager) take(node *v1.Node, pod *v1.Pod, always bool) *status.Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !always {
		if m.closed {
			return rejected("NodeShutdown", "Pod was rejected as the node is shutting down.")
		}
		if verdict := m.Security.refuse(node, pod); verdict != nil {
			return verdict
		}
		if verdict := m.pin(pod, false); verdict != nil {
			return verdict
		}
		if verdict := Admit(m.withoutDevices(node), pod, m.holders()); verdict != nil {
			m.unpin(pod.UID)
			return verdict
		}
	} else if verdict := m.pin(pod, true); verdict != nil {
		return verdict
	}
	m.taken[pod.UID] = pod
	m.classes.update(m.holders())
	return nil
}

// holders are the pods that hold resources of the node; m.mu is held.
func (m *Manager) holders() []*v1.Pod {
	return slices.Collect(maps.Values(m.taken))
}

// leave says that the pod does not hold resources of the node any more.
func (m *Manager) leave(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, held := m.taken[uid]; held {
		delete(m.taken, uid)
		delete(m.wishes, uid)
		m.roomMade(uid)
		m.unpin(uid)
		m.classes.update(m.holders())
		m.grant()
	}
}
