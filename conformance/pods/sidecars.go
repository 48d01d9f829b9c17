package pods

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// sidecar describes an init container that keeps running.
func sidecar(name string, args ...string) corev1.Container {
	container := Container(name, args...)
	container.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	return container
}

var _ = Describe("sidecars", func() {
	f := New()

	f.It("pods/sidecar-order", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "assisted")
		pod := Pod("assisted", "sleep", "1h")
		pod.Spec.InitContainers = []corev1.Container{sidecar("side", "sleep", "1h"), Container("init", "sleep", "2s")}
		watched.Throughout(ctx, "the sidecar has started before whatever follows it, and keeps running", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if (begun(p, "init") || begun(p, "main")) && Status(p, "side").State.Running == nil {
					return "another container has started and the sidecar does not run"
				}
				if begun(p, "main") && Status(p, "init").State.Terminated == nil {
					return "the app container has started before the init container has ended"
				}
			}
			return ""
		})
		f.Create(ctx, pod)
		ready := watched.MustReach(ctx, "it is ready", one(Ready))[0]
		Expect(Status(ready, "side").State.Running).NotTo(BeNil())
		Expect(Status(ready, "side").Ready).To(BeTrue())
		Expect(Status(ready, "side").Started).To(HaveValue(BeTrue()))
		watched.MustNever(ctx, "the sidecar ends", one(func(p *corev1.Pod) bool { return Status(p, "side").State.Running == nil }), Quiet)
	})

	f.It("pods/sidecar-does-not-hold", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "assisted")
		pod := Once("assisted", "sleep", "10s") // long enough for the kubelet to tell that both run
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](5)
		pod.Spec.InitContainers = []corev1.Container{sidecar("side", "sleep", "1h")}
		f.Create(ctx, pod)
		watched.MustReach(ctx, "app container and sidecar run", one(func(p *corev1.Pod) bool {
			return Status(p, "main").State.Running != nil && Status(p, "side").State.Running != nil
		}))
		watched.MustReach(ctx, "it has Succeeded and the sidecar was stopped", one(func(p *corev1.Pod) bool {
			return p.Status.Phase == corev1.PodSucceeded && Status(p, "side").State.Terminated != nil
		}))
	})

	f.It("pods/sidecar-ends-last", func(ctx SpecContext) {
		// The app container takes three seconds to end; its sidecar ends at once.
		pod := Server("assisted", "--shutdown-delay", "3s")
		pod.Spec.InitContainers = []corev1.Container{sidecar("side", "serve", "--port", "9090")}
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](30)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "assisted")
		main, side := f.FollowLogs(ctx, "assisted", "main"), f.FollowLogs(ctx, "assisted", "side")
		f.Delete(ctx, pod)
		main.WaitLine(ctx, f, "got SIGTERM")
		main.WaitEnd(ctx, f)
		side.WaitLine(ctx, f, "got SIGTERM")
		between := side.LineTime("got SIGTERM").Sub(main.LineTime("got SIGTERM"))
		Expect(between).To(BeNumerically(">=", 2*time.Second), "the sidecar was sent SIGTERM while the app container was ending")
		f.WaitGone(ctx, pod)
	})
})
