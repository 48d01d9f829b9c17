package pods

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// ephemeral describes an ephemeral container that runs the tool with args.
func ephemeral(name string, args ...string) corev1.EphemeralContainer {
	return corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon(Container(name, args...))}
}

// ephemeralStatus returns the status of a pod's ephemeral container; an empty one when there is none.
func ephemeralStatus(pod *corev1.Pod, name string) corev1.ContainerStatus {
	for _, status := range pod.Status.EphemeralContainerStatuses {
		if status.Name == name {
			return status
		}
	}
	return corev1.ContainerStatus{}
}

// runsEphemeral is the condition that the pod's ephemeral container runs, or ran.
func runsEphemeral(name string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool { return ephemeralStatus(p, name).State.Running != nil }
}

var _ = Describe("ephemeral containers", func() {
	f := New()

	add := func(ctx context.Context, pod *corev1.Pod, change func(*corev1.PodSpec)) error {
		GinkgoHelper()
		for {
			f.Get(ctx, pod)
			change(&pod.Spec)
			if err := f.TryUpdate(ctx, pod, "ephemeralcontainers"); err == nil || !strings.Contains(err.Error(), "the object has been modified") {
				return err
			}
		}
	}
	appended := func(containers ...corev1.EphemeralContainer) func(*corev1.PodSpec) {
		return func(s *corev1.PodSpec) { s.EphemeralContainers = append(s.EphemeralContainers, containers...) }
	}

	f.It("pods/ephemeral-container", func(ctx SpecContext) {
		pod := Pod("debugged", "sleep", "1h")
		f.Create(ctx, pod)
		before := f.WaitPodReady(ctx, "debugged")
		watched := f.WatchPod(ctx, "debugged")
		watched.Throughout(ctx, "the pod's own container runs on", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if Status(p, "main").ContainerID != Status(before, "main").ContainerID || !Ready(p) {
					return fmt.Sprintf("its container is %+v", Status(p, "main"))
				}
			}
			return ""
		})
		Expect(add(ctx, pod, appended(ephemeral("debug", "sh", "echo looking; sleep 3s; exit 7")))).To(Succeed())
		watched.MustReach(ctx, "the ephemeral container runs", one(runsEphemeral("debug")))
		ended := watched.MustReach(ctx, "it has ended", one(func(p *corev1.Pod) bool { return ephemeralStatus(p, "debug").State.Terminated != nil }))[0]
		status := ephemeralStatus(ended, "debug")
		Expect(status.State.Terminated.ExitCode).To(BeEquivalentTo(7))
		Expect(status.Ready).To(BeFalse(), "nobody waits for an ephemeral container to be ready")
		Expect(f.Logs(ctx, "debugged", corev1.PodLogOptions{Container: "debug"})).To(Equal("looking\n"))
		watched.MustNever(ctx, "it is started again", one(func(p *corev1.Pod) bool {
			now := ephemeralStatus(p, "debug")
			return now.RestartCount > 0 || now.ContainerID != status.ContainerID || now.State.Terminated == nil
		}), Quiet)
	})

	f.It("pods/ephemeral-target", func(ctx SpecContext) {
		pod := Pod("debugged", "sleep", "4321")
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "debugged")
		apart, within := ephemeral("apart", "sleep", "1h"), ephemeral("within", "sleep", "1h")
		within.TargetContainerName = "main"
		Expect(add(ctx, pod, appended(apart, within))).To(Succeed())
		watched := f.WatchPod(ctx, "debugged")
		watched.MustReach(ctx, "both run", one(func(p *corev1.Pod) bool { return runsEphemeral("apart")(p) && runsEphemeral("within")(p) }))
		first := func(container string) string {
			return strings.ReplaceAll(f.MustExec(ctx, "debugged", container, "/tool", "cat", "/proc/1/cmdline"), "\x00", " ")
		}
		Expect(first("within")).To(ContainSubstring("sleep 4321"), "the first process that the container with a target sees")
		Expect(first("apart")).To(ContainSubstring("sleep 1h"), "the first process that the container without one sees")
	})

	f.It("pods/ephemeral-while-init", func(ctx SpecContext) {
		pod := Pod("stuck", "sleep", "1h")
		pod.Spec.InitContainers = []corev1.Container{Container("init", "exit", "1")}
		watched := f.WatchPod(ctx, "stuck")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its init container fails", one(restarts("init", 1)))
		Expect(add(ctx, pod, appended(ephemeral("debug", "sleep", "1h")))).To(Succeed())
		got := watched.MustReach(ctx, "the ephemeral container runs", one(runsEphemeral("debug")))[0]
		Expect(begun(got, "main")).To(BeFalse())
	})

	f.It("pods/ephemeral-does-not-hold", func(ctx SpecContext) {
		pod := Once("brief", "wait-for", "USR1")
		f.Create(ctx, pod)
		f.WaitPodRunning(ctx, "brief")
		debug := ephemeral("debug", "sleep", "1h")
		debug.TargetContainerName = "main"
		Expect(add(ctx, pod, appended(debug))).To(Succeed())
		watched := f.WatchPod(ctx, "brief")
		watched.MustReach(ctx, "the ephemeral container runs", one(runsEphemeral("debug")))
		f.MustExec(ctx, "brief", "debug", "/tool", "kill", "USR1", "1")
		watched.MustReach(ctx, "the pod has Succeeded", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded }))
		watched.MustReach(ctx, "the ephemeral container was stopped", one(func(p *corev1.Pod) bool { return ephemeralStatus(p, "debug").State.Terminated != nil }))
	})

	f.It("pods/ephemeral-rules", func(ctx SpecContext) {
		born := Idle()
		born.Spec.EphemeralContainers = []corev1.EphemeralContainer{ephemeral("debug", "sleep", "1h")}
		MustBeInvalid(f.TryCreate(ctx, born), "spec.ephemeralContainers", "cannot be set on create")
		pod := Idle()
		f.Create(ctx, pod)
		for field, spoil := range map[string]func(*corev1.EphemeralContainer){
			"ports":          func(c *corev1.EphemeralContainer) { c.Ports = []corev1.ContainerPort{{ContainerPort: 80}} },
			"readinessProbe": func(c *corev1.EphemeralContainer) { c.ReadinessProbe = execProbe() },
			"livenessProbe":  func(c *corev1.EphemeralContainer) { c.LivenessProbe = execProbe() },
			"lifecycle": func(c *corev1.EphemeralContainer) {
				c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: execProbe().Exec}}
			},
			"resources": func(c *corev1.EphemeralContainer) {
				c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("1")}
			},
			"name":                func(c *corev1.EphemeralContainer) { c.Name = "main" },
			"targetContainerName": func(c *corev1.EphemeralContainer) { c.TargetContainerName = "none-such" },
		} {
			By("field " + field)
			bad := ephemeral("debug", "sleep", "1h")
			spoil(&bad)
			MustBeInvalid(add(ctx, pod.DeepCopy(), appended(bad)), "spec.ephemeralContainers[0]."+field)
		}
		direct := pod.DeepCopy()
		MustBeInvalid(f.TryEdit(ctx, direct, func() { appended(ephemeral("debug", "sleep", "1h"))(&direct.Spec) }), "spec", "pod updates may not change fields other than")
		Expect(add(ctx, pod, appended(ephemeral("debug", "sleep", "1h")))).To(Succeed())
		MustBeInvalid(add(ctx, pod, func(s *corev1.PodSpec) { s.EphemeralContainers = nil }), "spec.ephemeralContainers", "may not be removed")
		MustBeInvalid(add(ctx, pod, func(s *corev1.PodSpec) { s.EphemeralContainers[0].Args = []string{"exit"} }), "spec.ephemeralContainers", "may not be changed")
	})
})

func execProbe() *corev1.Probe {
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/tool", "exit", "0"}}}}
}
