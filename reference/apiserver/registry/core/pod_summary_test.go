package core

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// status builders: what a kubelet would report.

func running(name string, ready bool) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, Ready: ready, Started: ptr.To(true), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func waiting(name, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func ended(name, reason string, code, signal int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, Signal: signal},
	}}
}

func restarted(s corev1.ContainerStatus, times int32, ago time.Duration) corev1.ContainerStatus {
	s.RestartCount = times
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(time.Now().Add(-ago))}
	return s
}

type statuses = []corev1.ContainerStatus

func condition(t corev1.PodConditionType, status corev1.ConditionStatus) corev1.PodCondition {
	return corev1.PodCondition{Type: t, Status: status}
}

func TestPodSummary(t *testing.T) {
	app, sidecar := corev1.Container{Name: "app"}, corev1.Container{Name: "side", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}
	initContainer := corev1.Container{Name: "init"}
	now := metav1.Now()
	for _, c := range []struct {
		name     string
		inits    []corev1.Container
		apps     int // default 1
		deleted  bool
		status   corev1.PodStatus
		ready    string
		reason   string
		restarts string
	}{
		{name: "new", status: corev1.PodStatus{Phase: corev1.PodPending}, ready: "0/1", reason: "Pending", restarts: "0"},
		{name: "gated", status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated},
		}}, ready: "0/1", reason: "SchedulingGated", restarts: "0"},
		{name: "creating", status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: statuses{waiting("app", "ContainerCreating")}},
			ready: "0/1", reason: "ContainerCreating", restarts: "0"},
		{name: "running", apps: 2, status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: statuses{running("app", true), running("b", false)}},
			ready: "1/2", reason: "Running", restarts: "0"},
		{name: "restarted", status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: statuses{restarted(running("app", true), 3, 5*time.Minute)}},
			ready: "1/1", reason: "Running", restarts: "3 (5m ago)"},
		{name: "restarted, nobody knows when", status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: statuses{{Name: "app", RestartCount: 2}}},
			ready: "0/1", reason: "Running", restarts: "2"},
		{name: "crash loop", status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: statuses{restarted(waiting("app", "CrashLoopBackOff"), 1, 2*time.Hour)}},
			ready: "0/1", reason: "CrashLoopBackOff", restarts: "1 (120m ago)"},
		{name: "completed", status: corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: statuses{ended("app", "Completed", 0, 0)}},
			ready: "0/1", reason: "Completed", restarts: "0"},
		{name: "failed", status: corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: statuses{ended("app", "Error", 1, 0)}},
			ready: "0/1", reason: "Error", restarts: "0"},
		{name: "exit code", status: corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: statuses{ended("app", "", 3, 0)}},
			ready: "0/1", reason: "ExitCode:3", restarts: "0"},
		{name: "signal", status: corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: statuses{ended("app", "", 137, 9)}},
			ready: "0/1", reason: "Signal:9", restarts: "0"},
		{name: "evicted", status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}, ready: "0/1", reason: "Evicted", restarts: "0"},
		{name: "the first container's reason wins", apps: 2, status: corev1.PodStatus{Phase: corev1.PodRunning,
			ContainerStatuses: statuses{waiting("app", "ImagePullBackOff"), waiting("b", "CrashLoopBackOff")}},
			ready: "0/2", reason: "ImagePullBackOff", restarts: "0"},
		{name: "one done, one runs, pod not ready", apps: 2, status: corev1.PodStatus{Phase: corev1.PodRunning,
			ContainerStatuses: statuses{ended("app", "Completed", 0, 0), running("b", true)}},
			ready: "1/2", reason: "NotReady", restarts: "0"},
		{name: "one done, one runs, pod ready", apps: 2, status: corev1.PodStatus{Phase: corev1.PodRunning,
			Conditions:        []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionTrue)},
			ContainerStatuses: statuses{ended("app", "Completed", 0, 0), running("b", true)}},
			ready: "1/2", reason: "Running", restarts: "0"},
		{name: "terminating", deleted: true, status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: statuses{running("app", true)}},
			ready: "1/1", reason: "Terminating", restarts: "0"},
		{name: "ended and deleted", deleted: true, status: corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: statuses{ended("app", "Completed", 0, 0)}},
			ready: "0/1", reason: "Completed", restarts: "0"},
		{name: "on a lost node", deleted: true, status: corev1.PodStatus{Phase: corev1.PodRunning, Reason: "NodeLost"}, ready: "0/1", reason: "Unknown", restarts: "0"},

		{name: "init at work", inits: []corev1.Container{initContainer, {Name: "two"}}, status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: statuses{ended("init", "Completed", 0, 0), running("two", false)}, ContainerStatuses: statuses{waiting("app", "PodInitializing")}},
			ready: "0/1", reason: "Init:1/2", restarts: "0"},
		{name: "first init waits for its turn", inits: []corev1.Container{initContainer}, status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: statuses{waiting("init", "PodInitializing")}}, ready: "0/1", reason: "Init:0/1", restarts: "0"},
		{name: "init crash loop", inits: []corev1.Container{initContainer}, status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: statuses{restarted(waiting("init", "CrashLoopBackOff"), 4, 30*time.Second)}},
			ready: "0/1", reason: "Init:CrashLoopBackOff", restarts: "4 (30s ago)"},
		{name: "init failed", inits: []corev1.Container{initContainer}, status: corev1.PodStatus{Phase: corev1.PodFailed,
			InitContainerStatuses: statuses{ended("init", "Error", 1, 0)}}, ready: "0/1", reason: "Init:Error", restarts: "0"},
		{name: "init exit code", inits: []corev1.Container{initContainer}, status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: statuses{ended("init", "", 7, 0)}}, ready: "0/1", reason: "Init:ExitCode:7", restarts: "0"},
		{name: "init signal", inits: []corev1.Container{initContainer}, status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: statuses{ended("init", "", 137, 9)}}, ready: "0/1", reason: "Init:Signal:9", restarts: "0"},
		{name: "initialized", inits: []corev1.Container{initContainer}, status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: statuses{restarted(ended("init", "Completed", 0, 0), 2, time.Minute)}, ContainerStatuses: statuses{waiting("app", "PodInitializing")}},
			ready: "0/1", reason: "PodInitializing", restarts: "0"},
		{name: "restarts of an init container are not the app's", inits: []corev1.Container{initContainer}, status: corev1.PodStatus{Phase: corev1.PodRunning,
			InitContainerStatuses: statuses{restarted(ended("init", "Completed", 0, 0), 2, time.Minute)},
			ContainerStatuses:     statuses{restarted(running("app", true), 1, 10*time.Second)}},
			ready: "1/1", reason: "Running", restarts: "1 (10s ago)"},
		{name: "sidecar counts", inits: []corev1.Container{sidecar}, status: corev1.PodStatus{Phase: corev1.PodRunning,
			InitContainerStatuses: statuses{restarted(running("side", true), 2, 20*time.Second)}, ContainerStatuses: statuses{running("app", true)}},
			ready: "2/2", reason: "Running", restarts: "2 (20s ago)"},
		{name: "sidecar starts", inits: []corev1.Container{sidecar}, status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: statuses{waiting("side", "ContainerCreating")}}, ready: "0/2", reason: "Init:ContainerCreating", restarts: "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: c.inits, Containers: []corev1.Container{app}}, Status: c.status}
			for len(p.Spec.Containers) < c.apps {
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "b"})
			}
			if c.deleted {
				p.DeletionTimestamp = &now
			}
			cells := map[string]any{}
			for _, column := range podColumns {
				cells[column.Name] = column.Cell(p)
			}
			if cells["Ready"] != c.ready || cells["Status"] != c.reason || cells["Restarts"] != c.restarts {
				t.Errorf("got %v %v %q, want %v %v %q", cells["Ready"], cells["Status"], cells["Restarts"], c.ready, c.reason, c.restarts)
			}
		})
	}
}

func TestPodWideCells(t *testing.T) {
	p := &corev1.Pod{
		Spec: corev1.PodSpec{NodeName: "node-1", ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "a"}, {ConditionType: "b"}}},
		Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.244.1.2"}, {IP: "fd00::2"}}, NominatedNodeName: "node-2",
			Conditions: []corev1.PodCondition{condition("a", corev1.ConditionTrue), condition("b", corev1.ConditionFalse)}},
	}
	want := map[string]string{"IP": "10.244.1.2", "Node": "node-1", "Nominated Node": "node-2", "Readiness Gates": "1/2"}
	for _, column := range podColumns {
		if value, ok := want[column.Name]; ok {
			if got := column.Cell(p); got != value {
				t.Errorf("%s: got %v, want %s", column.Name, got, value)
			}
			if got := column.Cell(&corev1.Pod{}); got != "<none>" || !column.Wide {
				t.Errorf("%s of an empty pod: got %v, wide %v", column.Name, got, column.Wide)
			}
		}
	}
}
