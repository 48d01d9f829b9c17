// Package status derives what the API server is told of a pod, and tells it.
package status

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Input is all that a pod's status depends on.
type Input struct {
	// Pod is the pod as the API server last had it, its status included.
	Pod   *v1.Pod
	State *runtime.Pod
	Now   time.Time
	// Ready and Started tell of container instances, by id, what their probes say.
	Ready, Started map[string]bool
	// Waiting says by container name why a container that should run does not.
	Waiting map[string]v1.ContainerStateWaiting
	// HostIPs are the node's addresses, the primary first.
	HostIPs []string
	// TakenOn is when the agent took the pod on; the API server's word wins.
	TakenOn time.Time
	// Ended is set when nothing of the pod runs any more nor will: its phase becomes a final one.
	Ended bool
	// Verdict, if not nil, is why the agent itself ended the pod.
	Verdict *Verdict
	// Devices tells how the devices of a container are; nil stands for a node without.
	Devices func(container string) []v1.ResourceStatus
	// Resize is how far a change of the pod's resources is.
	Resize Resize
}

// Verdict is the reason for which the agent fails a pod, such as DeadlineExceeded.
type Verdict struct {
	Reason, Message string
	// Rejected: the node never took the pod on, and nothing is to be said of its containers.
	Rejected bool
	// Disruption, if not empty, is the reason of the condition DisruptionTarget: the pod is not at fault.
	Disruption string
	// Cause is the message of that condition, if it is another than Message.
	Cause string
}

// Compute returns the pod's whole status. Conditions and fields that are not the agent's are
// taken over from the pod; a final phase never changes any more.
func Compute(in Input) v1.PodStatus {
	s := v1.PodStatus{
		ObservedGeneration:    in.Pod.Generation,
		QOSClass:              in.Pod.Status.QOSClass,
		StartTime:             in.Pod.Status.StartTime,
		NominatedNodeName:     in.Pod.Status.NominatedNodeName,
		ResourceClaimStatuses: in.Pod.Status.ResourceClaimStatuses,
	}
	if s.QOSClass == "" {
		s.QOSClass = QOS(in.Pod)
	}
	if s.StartTime == nil {
		t := metav1.NewTime(in.TakenOn.Truncate(time.Second))
		s.StartTime = &t
	}
	if in.Verdict != nil && in.Verdict.Rejected {
		s.Phase, s.Reason, s.Message = v1.PodFailed, in.Verdict.Reason, in.Verdict.Message
		s.Conditions = rejectedConditions(in)
		return s
	}
	s.InitContainerStatuses = containers(in, in.Pod.Spec.InitContainers, true)
	s.ContainerStatuses = containers(in, in.Pod.Spec.Containers, false)
	s.EphemeralContainerStatuses = ephemeral(in)
	if in.Ended && initialized(in, s) {
		for i := range s.ContainerStatuses {
			writeOff(&s.ContainerStatuses[i])
		}
	}
	whole(in, &s)
	s.Phase = phase(in, s)
	if in.Verdict != nil && final(s.Phase) && !final(in.Pod.Status.Phase) {
		s.Reason, s.Message = in.Verdict.Reason, in.Verdict.Message
	} else if final(in.Pod.Status.Phase) {
		s.Reason, s.Message = in.Pod.Status.Reason, in.Pod.Status.Message
	}
	addresses(in, &s)
	s.Conditions = conditions(in, s)
	return s
}

func addresses(in Input, s *v1.PodStatus) {
	for _, ip := range in.HostIPs {
		s.HostIPs = append(s.HostIPs, v1.HostIP{IP: ip})
	}
	if len(in.HostIPs) > 0 {
		s.HostIP = in.HostIPs[0]
	}
	var ips []string
	switch sandbox := in.State.Sandbox(); {
	case in.Pod.Spec.HostNetwork:
		ips = in.HostIPs
	case sandbox != nil && len(sandbox.IPs) > 0:
		ips = sandbox.IPs
	default:
		// A stopped sandbox has lost its address; the pod keeps showing it.
		for _, ip := range in.Pod.Status.PodIPs {
			ips = append(ips, ip.IP)
		}
	}
	for _, ip := range ips {
		s.PodIPs = append(s.PodIPs, v1.PodIP{IP: ip})
	}
	if len(ips) > 0 {
		s.PodIP = ips[0]
	}
}

func final(p v1.PodPhase) bool {
	return p == v1.PodSucceeded || p == v1.PodFailed
}

// Final tells whether a pod in this phase is over.
func Final(p v1.PodPhase) bool { return final(p) }

// QOS is the pod's quality-of-service class (docs: workloads/pods/pod-qos). Resources of the pod as a whole
// decide alone (KEP-2837).
func QOS(pod *v1.Pod) v1.PodQOSClass {
	guaranteed, best := true, true
	all := []v1.ResourceRequirements{}
	if r := pod.Spec.Resources; r != nil && len(r.Requests)+len(r.Limits) > 0 {
		all = append(all, *r)
	} else {
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			all = append(all, c.Resources)
		}
	}
	for _, r := range all {
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			request, limit := r.Requests[name], r.Limits[name]
			if !request.IsZero() || !limit.IsZero() {
				best = false
			}
			if limit.IsZero() || (!request.IsZero() && request.Cmp(limit) != 0) {
				guaranteed = false
			}
		}
	}
	switch {
	case best:
		return v1.PodQOSBestEffort
	case guaranteed:
		return v1.PodQOSGuaranteed
	default:
		return v1.PodQOSBurstable
	}
}
