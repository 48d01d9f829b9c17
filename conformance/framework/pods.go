package framework

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// ServePort is the port that a pod of Server listens on.
const ServePort = 8080

// Pod describes a pod with one container "main" that runs the tool with args, labelled
// app=name. It is stopped within a second, unless the spec sets another grace period.
func Pod(name string, args ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			Containers:                    []corev1.Container{Container("main", args...)},
		},
	}
}

// Once describes a pod like Pod whose containers are run once, never restarted.
func Once(name string, args ...string) *corev1.Pod {
	pod := Pod(name, args...)
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	return pod
}

// Server describes a pod like Pod that answers HTTP on ServePort, which it names "http".
func Server(name string, flags ...string) *corev1.Pod {
	pod := Pod(name, append([]string{"serve", "--port", "8080"}, flags...)...)
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: ServePort}}
	return pod
}

// Container describes a container that runs the tool with args.
func Container(name string, args ...string) corev1.Container {
	return corev1.Container{Name: name, Image: Image("tool"), Args: args}
}

// TellReadyGate is the readiness gate of pods made by ReadyWhenTold.
const TellReadyGate = "conformance.etalon.dev/told"

// ReadyWhenTold makes a pod's readiness the spec's to decide: it is not Ready before TellReady.
func ReadyWhenTold(spec *corev1.PodSpec) {
	spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: TellReadyGate}}
}

// SharedDir gives every container of the pod, init containers included, the same empty directory at path.
func SharedDir(spec *corev1.PodSpec, path string) {
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	mount := corev1.VolumeMount{Name: "shared", MountPath: path}
	for i := range spec.InitContainers {
		spec.InitContainers[i].VolumeMounts = append(spec.InitContainers[i].VolumeMounts, mount)
	}
	for i := range spec.Containers {
		spec.Containers[i].VolumeMounts = append(spec.Containers[i].VolumeMounts, mount)
	}
}

// Running says that the pod's phase is Running.
func Running(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

// Ready says that the pod runs with condition Ready and is not being deleted.
func Ready(pod *corev1.Pod) bool {
	return Running(pod) && pod.DeletionTimestamp == nil && PodCondition(pod, corev1.PodReady).Status == corev1.ConditionTrue
}

// ReadySince is when the pod became ready: when that was seen, or when the pod says so if that is earlier, as
// where news are late. Pauses are measured from it.
func ReadySince(pod *corev1.Pod, seen time.Time) time.Time {
	if said := PodCondition(pod, corev1.PodReady).LastTransitionTime.Time; said.Before(seen) {
		return said
	}
	return seen
}

// Unschedulable says that the scheduler has looked at the pod and found no node for it. By
// then other controllers, which watch pods as the scheduler does, have heard of the pod too.
func Unschedulable(pod *corev1.Pod) bool {
	return PodCondition(pod, corev1.PodScheduled).Status == corev1.ConditionFalse
}

// Ended says that the pod has Succeeded or Failed.
func Ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Active says that the pod counts for its controller: it has not ended and is not being deleted.
func Active(pod *corev1.Pod) bool { return !Ended(pod) && pod.DeletionTimestamp == nil }

// PodCondition returns the pod's condition of a type; one with status "" when it has none.
func PodCondition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return corev1.PodCondition{Type: kind}
}

// Status returns the status of one of the pod's containers, init containers included; an empty one when there is none.
func Status(pod *corev1.Pod, container string) corev1.ContainerStatus {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, status := range statuses {
			if status.Name == container {
				return status
			}
		}
	}
	return corev1.ContainerStatus{Name: container}
}

// Terminated returns how a container ended: now, or before its last restart; nil when it never did.
func Terminated(pod *corev1.Pod, container string) *corev1.ContainerStateTerminated {
	status := Status(pod, container)
	if status.State.Terminated != nil {
		return status.State.Terminated
	}
	return status.LastTerminationState.Terminated
}

// WaitingReason returns why a container waits; "" when it does not.
func WaitingReason(pod *corev1.Pod, container string) string {
	if waiting := Status(pod, container).State.Waiting; waiting != nil {
		return waiting.Reason
	}
	return ""
}
