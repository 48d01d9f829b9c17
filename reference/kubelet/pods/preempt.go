package pods

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// preempted is why pods end to make room for a critical one
// (docs: tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods).
var preempted = status.Verdict{
	Reason: "Preempting", Message: "Preempted in order to admit critical pod", Disruption: v1.PodReasonTerminationByKubelet,
	Cause: "Pod was preempted by Kubelet to accommodate a critical pod.",
}

// need is how much of a resource is lacking, in the units of messages.
type need struct {
	name   v1.ResourceName
	amount int64
}

// needs are the resources of which the others leave too little for the pod, in the order in which they are reported.
func needs(node *v1.Node, pod *v1.Pod, others []*v1.Pod) []need {
	var out []need
	wanted := requests(pod)
	for _, name := range inOrder(wanted) {
		want := wanted[name]
		has, known := node.Status.Allocatable[name]
		if !known && devices.Extended(name) {
			continue // as when it is admitted
		}
		missing := units(name, want) - units(name, has)
		for _, other := range others {
			missing += given(other, name)
		}
		if !want.IsZero() && missing > 0 {
			out = append(out, need{name, missing})
		}
	}
	return out
}

// requests are what the pod requests of the node, itself included.
func requests(pod *v1.Pod) v1.ResourceList {
	out := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	out[v1.ResourcePods] = *onePod
	return out
}

// given is how much of a resource the end of the pod would give back.
func given(pod *v1.Pod, name v1.ResourceName) int64 {
	return units(name, requests(pod)[name])
}

// without is what is lacking yet when these pods have ended.
func without(lacking []need, pods []*v1.Pod) []need {
	var out []need
	for _, n := range lacking {
		for _, p := range pods {
			n.amount -= given(p, n.name)
		}
		if n.amount > 0 {
			out = append(out, n)
		}
	}
	return out
}

// mayPreempt tells whether the pod may have the other ended to make room for it.
func mayPreempt(pod, other *v1.Pod) bool {
	if eviction.Critical(pod) && !eviction.Critical(other) {
		return true
	}
	return pod.Spec.Priority != nil && other.Spec.Priority != nil && *pod.Spec.Priority > *other.Spec.Priority
}

// victims chooses those of the others that are to end so that the critical pod has what it lacks: no Guaranteed pod
// where the others suffice, no Burstable one where BestEffort ones do, and among equals as few as help most.
func victims(pod *v1.Pod, lacking []need, others []*v1.Pod) ([]*v1.Pod, error) {
	classes := map[v1.PodQOSClass][]*v1.Pod{}
	var all []*v1.Pod
	for _, other := range others {
		if mayPreempt(pod, other) {
			classes[qos(other)] = append(classes[qos(other)], other)
			all = append(all, other)
		}
	}
	if left := without(lacking, all); len(left) > 0 {
		return nil, fmt.Errorf("no set of running pods found to reclaim resources: %s", listed(left))
	}
	bestEffort, burstable := classes[v1.PodQOSBestEffort], classes[v1.PodQOSBurstable]
	guaranteed := nearest(classes[v1.PodQOSGuaranteed], without(lacking, slices.Concat(bestEffort, burstable)))
	burstable = nearest(burstable, without(lacking, slices.Concat(bestEffort, guaranteed)))
	bestEffort = nearest(bestEffort, without(lacking, slices.Concat(burstable, guaranteed)))
	return slices.Concat(bestEffort, burstable, guaranteed), nil
}

// nearest takes of the pods, one after the other, the one that leaves least lacking, or asks for less where two leave as much.
func nearest(pods []*v1.Pod, lacking []need) []*v1.Pod {
	pods = slices.Clone(pods)
	var out []*v1.Pod
	for len(lacking) > 0 && len(pods) > 0 {
		best := 0
		for i := range pods {
			far, least := distance(pods[i], lacking), distance(pods[best], lacking)
			if far < least || far == least && smaller(pods[i], pods[best]) {
				best = i
			}
		}
		out = append(out, pods[best])
		lacking = without(lacking, pods[best:best+1])
		pods = slices.Delete(pods, best, best+1)
	}
	return out
}

// distance is how far from what is lacking the end of the pod would leave us, at most one for each resource.
func distance(pod *v1.Pod, lacking []need) float64 {
	sum := 0.0
	for _, n := range lacking {
		if left := float64(n.amount - given(pod, n.name)); left > 0 {
			sum += left / float64(n.amount) * left / float64(n.amount)
		}
	}
	return sum
}

// smaller tells whether the pod requests less than the other: of memory, or of CPU where the memory is the same.
func smaller(pod, other *v1.Pod) bool {
	if a, b := given(pod, v1.ResourceMemory), given(other, v1.ResourceMemory); a != b {
		return a < b
	}
	return given(pod, v1.ResourceCPU) < given(other, v1.ResourceCPU)
}

func listed(lacking []need) string {
	var out strings.Builder
	for _, n := range lacking {
		fmt.Fprintf(&out, "(res: %v, q: %v), ", n.name, n.amount)
	}
	return "[" + out.String() + "]"
}

// makeRoom has pods end so that the critical pod, which was refused for want of resources, may be admitted. While they end it
// returns true, and is to be asked again when one has. A verdict that is not nil says why there can be no room.
func (m *Manager) makeRoom(node *v1.Node, pod *v1.Pod, refused *status.Verdict) (bool, *status.Verdict) {
	if !eviction.Critical(pod) || !strings.HasPrefix(refused.Reason, "OutOf") {
		return false, refused
	}
	m.mu.Lock()
	if m.makingRoom == nil {
		m.makingRoom = map[types.UID]bool{}
	}
	var staying []*v1.Pod
	for uid, other := range m.taken {
		if !m.makingRoom[uid] {
			staying = append(staying, other)
		}
	}
	slices.SortFunc(staying, func(a, b *v1.Pod) int { return strings.Compare(string(a.UID), string(b.UID)) })
	lacking := needs(m.withoutDevices(node), pod, staying)
	chosen, err := victims(pod, lacking, staying)
	if err == nil {
		for _, v := range chosen {
			m.makingRoom[v.UID] = true
		}
		m.waiting = append(m.waiting, pod.UID)
	}
	m.mu.Unlock()
	if err != nil {
		return false, rejected("UnexpectedAdmissionError",
			"Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: "+err.Error())
	}
	for _, v := range chosen {
		klog.InfoS("Ending a pod to make room for a critical one", "pod", klog.KObj(v), "critical", klog.KObj(pod))
		m.Recorder.Event(events.Pod(v), v1.EventTypeWarning, preempted.Reason, preempted.Message)
		m.End(v.UID, &preempted, nil)
	}
	return true, nil
}

// roomMade has those looked at that wait for the pod's resources; m.mu is held.
func (m *Manager) roomMade(uid types.UID) {
	delete(m.makingRoom, uid)
	for _, waiting := range m.waiting {
		if w := m.workers[waiting]; w != nil {
			w.tell(func(*box) {})
		}
	}
	m.waiting = nil
}
