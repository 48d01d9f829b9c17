package simulation

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// crashLoop is why a container waits that ends again and again.
	crashLoop = "CrashLoopBackOff"
	// runtimeName is the scheme of the ids of containers and images.
	runtimeName = "simulated"
)

// subject is what a status tells of a pod beside its stage.
type subject struct {
	namespace, name string
	uid             types.UID
	generation      int64
	spec            *spec
	origin          time.Time
	hostIP, podIP   string
	// scheduled is false for a pod that no scheduler has bound.
	scheduled bool
	gates     gates
}

// gates are a pod's readiness gates: whether all are open, why not, and since when.
type gates struct {
	open    bool
	message string
	since   time.Time
}

// patch is a strategic merge patch of a pod: only the status that a kubelet owns, and the uid, so that
// it cannot hit a namesake.
type patch struct {
	Metadata struct {
		UID types.UID `json:"uid"`
	} `json:"metadata"`
	Status statusPatch `json:"status"`
}

type statusPatch struct {
	ObservedGeneration    int64                    `json:"observedGeneration,omitempty"`
	Phase                 corev1.PodPhase          `json:"phase"`
	Reason                string                   `json:"reason,omitempty"`
	Message               string                   `json:"message,omitempty"`
	Conditions            []conditionPatch         `json:"conditions"`
	HostIP                string                   `json:"hostIP,omitempty"`
	HostIPs               []corev1.HostIP          `json:"hostIPs,omitempty"`
	PodIP                 string                   `json:"podIP,omitempty"`
	PodIPs                []corev1.PodIP           `json:"podIPs,omitempty"`
	StartTime             metav1.Time              `json:"startTime"`
	InitContainerStatuses []corev1.ContainerStatus `json:"initContainerStatuses,omitempty"`
	ContainerStatuses     []corev1.ContainerStatus `json:"containerStatuses,omitempty"`
}

// conditionPatch always has reason and message, for null is what removes old ones.
type conditionPatch struct {
	Type               corev1.PodConditionType `json:"type"`
	Status             corev1.ConditionStatus  `json:"status"`
	ObservedGeneration int64                   `json:"observedGeneration,omitempty"`
	LastTransitionTime metav1.Time             `json:"lastTransitionTime"`
	Reason             *string                 `json:"reason"`
	Message            *string                 `json:"message"`
}

// statusFor is the patch that tells the API server of the stage.
func (p *subject) statusFor(s stage) ([]byte, error) {
	var out patch
	out.Metadata.UID = p.uid
	out.Status = statusPatch{
		ObservedGeneration: p.generation, Phase: s.phase, Reason: s.reason, StartTime: metav1.NewTime(p.origin),
		HostIP: p.hostIP, HostIPs: []corev1.HostIP{{IP: p.hostIP}}, Conditions: p.conditions(s),
	}
	if s.reason == "DeadlineExceeded" {
		out.Status.Message = "Pod was active on the node longer than the specified deadline"
	}
	if p.podIP != "" && (!s.sandbox.IsZero() || p.spec.hostNetwork) {
		out.Status.PodIP, out.Status.PodIPs = p.podIP, []corev1.PodIP{{IP: p.podIP}}
	}
	for i, c := range p.spec.init {
		out.Status.InitContainerStatuses = append(out.Status.InitContainerStatuses, p.initContainer(s, i, c))
	}
	for _, c := range p.spec.main {
		out.Status.ContainerStatuses = append(out.Status.ContainerStatuses, p.container(s, c))
	}
	return json.Marshal(out)
}

// rejection is the patch of a pod that the node does not take on.
func (p *subject) rejection(reason, message string) ([]byte, error) {
	var out patch
	out.Metadata.UID = p.uid
	out.Status = statusPatch{ObservedGeneration: p.generation, Phase: corev1.PodFailed, Reason: reason,
		Message: "Pod was rejected: " + message, StartTime: metav1.NewTime(p.origin), Conditions: []conditionPatch{}}
	return json.Marshal(out)
}

func (p *subject) conditions(s stage) []conditionPatch {
	var list []conditionPatch
	add := func(kind corev1.PodConditionType, is bool, since time.Time, reason, message string) {
		c := conditionPatch{Type: kind, Status: corev1.ConditionFalse, ObservedGeneration: p.generation, LastTransitionTime: metav1.NewTime(since)}
		if is {
			c.Status = corev1.ConditionTrue
		}
		if reason != "" {
			c.Reason = &reason
		}
		if message != "" {
			c.Message = &message
		}
		list = append(list, c)
	}
	sandbox, since := !s.sandbox.IsZero() && !s.over(), p.origin
	if sandbox {
		since = s.sandbox
	} else if s.over() {
		since = s.turned
	}
	add(corev1.PodReadyToStartContainers, sandbox, since, "", "")

	switch {
	case s.phase == corev1.PodSucceeded:
		add(corev1.PodInitialized, true, s.initialized, "PodCompleted", "")
	case s.initialized.IsZero():
		add(corev1.PodInitialized, false, p.origin, "ContainersNotInitialized",
			fmt.Sprintf("containers with incomplete status: %v", p.open(s)))
	default:
		add(corev1.PodInitialized, true, s.initialized, "", "")
	}

	reason, message := p.unready(s)
	add(corev1.ContainersReady, s.ready, s.turned, reason, message)
	switch {
	case s.ready && !p.gates.open:
		add(corev1.PodReady, false, p.gates.since, "ReadinessGatesNotReady", p.gates.message)
	case s.ready:
		add(corev1.PodReady, true, latest(s.turned, p.gates.since), "", "")
	default:
		add(corev1.PodReady, false, s.turned, reason, message)
	}
	if !p.scheduled {
		add(corev1.PodScheduled, true, p.origin, "", "")
	}
	return list
}

// unready says why the containers are not ready.
func (p *subject) unready(s stage) (reason, message string) {
	switch {
	case s.ready:
		return "", ""
	case s.phase == corev1.PodSucceeded:
		return "PodCompleted", ""
	case s.phase == corev1.PodFailed:
		return "PodFailed", ""
	}
	var names []string
	for _, c := range p.spec.main {
		names = append(names, c.name)
	}
	return "ContainersNotReady", fmt.Sprintf("containers with unready status: %v", names)
}

// open are the init containers that have not done their work.
func (p *subject) open(s stage) []string {
	var names []string
	for i, c := range p.spec.init {
		if i >= len(s.init) || !c.sidecar && s.init[i].ended.IsZero() {
			names = append(names, c.name)
		}
	}
	return names
}

func (p *subject) initContainer(s stage, i int, c container) corev1.ContainerStatus {
	out := p.describe(c, 0)
	started := false
	switch {
	case i >= len(s.init):
		out.State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
		out.ContainerID, out.ImageID = "", ""
	case s.init[i].ended.IsZero():
		out.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(s.init[i].started)}
		started = true
		out.Ready = c.sidecar
	default:
		out.State.Terminated = p.terminated(c, 0, s.init[i])
		out.Ready = s.init[i].code == 0 && !c.sidecar
	}
	out.Started = &started
	return out
}

func (p *subject) container(s stage, c container) corev1.ContainerStatus {
	out := p.describe(c, s.restarts)
	started := false
	switch {
	case s.run == nil && s.over():
		out.State.Terminated = &corev1.ContainerStateTerminated{Reason: "ContainerStatusUnknown", ExitCode: exitKilled,
			Message: "The container could not be located when the pod was terminated"}
		out.ContainerID, out.ImageID = "", ""
	case s.run == nil:
		out.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
		if len(p.spec.init) > 0 {
			out.State.Waiting.Reason = "PodInitializing"
		}
		out.ContainerID, out.ImageID = "", ""
	case s.backOff > 0:
		out.State.Waiting = &corev1.ContainerStateWaiting{Reason: crashLoop, Message: fmt.Sprintf(
			"back-off %v restarting failed container=%s pod=%s_%s(%s)", s.backOff, c.name, p.name, p.namespace, p.uid)}
		out.LastTerminationState.Terminated = p.terminated(c, s.restarts, *s.run)
	case s.run.ended.IsZero():
		out.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(s.run.started)}
		started = true
		out.Ready = s.ready
	default:
		out.State.Terminated = p.terminated(c, s.restarts, *s.run)
	}
	if s.previous != nil && s.backOff == 0 {
		out.LastTerminationState.Terminated = p.terminated(c, s.restarts-1, *s.previous)
	}
	out.Started = &started
	return out
}

func (p *subject) describe(c container, attempt int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: c.name, Image: c.image, ImageID: runtimeName + "://" + c.image,
		ContainerID: p.containerID(c, attempt), RestartCount: attempt}
}

func (p *subject) terminated(c container, attempt int32, r run) *corev1.ContainerStateTerminated {
	out := &corev1.ContainerStateTerminated{ExitCode: r.code, Reason: "Completed", ContainerID: p.containerID(c, attempt),
		StartedAt: metav1.NewTime(r.started), FinishedAt: metav1.NewTime(r.ended)}
	if r.code != 0 {
		out.Reason = "Error"
	}
	return out
}

// containerID is the same whenever it is asked for.
func (p *subject) containerID(c container, attempt int32) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(string(p.uid) + "/" + c.name + "/" + strconv.Itoa(int(attempt)))) // a hash takes everything
	return fmt.Sprintf("%s://%016x", runtimeName, h.Sum64())
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
