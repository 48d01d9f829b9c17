package resources

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("devices", func() {
	f := New()

	f.It("resources/devices-counted", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 3)
		p.tell(ctx, "sick", p.id(1))
		p.nodes.MustReach(ctx, "2 of 3 devices can be had", has(p.kind, 2, 3))
		p.tell(ctx, "well", p.id(1))
		p.nodes.MustReach(ctx, "all devices can be had again", has(p.kind, 3, 3))
	})

	f.It("resources/devices-given", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 2)
		p.run(ctx, "user", "2")
		Expect(p.given(ctx, "user")).To(Equal(p.id(0)+","+p.id(1)), "what the variable says that the plugin gives")
		Expect(f.MustExec(ctx, "user", "main", "/tool", "ls", "/things")).To(ContainSubstring("kubelet.sock"), "what the plugin mounts")
		Expect(f.Exec(ctx, "user", "main", "/tool", "write", "/things/file", "x").Code).NotTo(BeZero(), "what is mounted read-only can be written")
		f.Create(ctx, Pod("other", "sleep", "1h"))
		f.WaitPodReady(ctx, "other")
		Expect(p.given(ctx, "other")).To(BeEmpty())
	})

	f.It("resources/devices-exclusive", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 2)
		p.run(ctx, "a", "1")
		p.run(ctx, "b", "1")
		first := p.given(ctx, "a")
		Expect([]string{first, p.given(ctx, "b")}).To(ConsistOf(p.id(0), p.id(1)))
		watched := f.WatchPod(ctx, "c")
		f.Create(ctx, wanting("c", p.kind, "1"))
		watched.MustReach(ctx, "it waits for a device", lacking(p.kind))
		f.Delete(ctx, Pod("a"))
		watched.MustReach(ctx, "it is ready", one(Ready))
		Expect(p.given(ctx, "c")).To(Equal(first))
	})

	f.It("resources/devices-refused", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 2)
		p.run(ctx, "a", "1")
		pod := wanting("b", p.kind, "2")
		pod.Spec.NodeName = p.node.Name
		f.Create(ctx, pod)
		failed := f.WaitPodFailed(ctx, "b")
		Expect(failed.Status.Reason).To(Equal("UnexpectedAdmissionError"))
		Expect(failed.Status.Message).To(ContainSubstring(fmt.Sprintf("requested number of devices unavailable for %s. Requested: 2, Available: 1", p.kind)))
	})

	f.It("resources/devices-after-init", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 2)
		pod := wanting("p", p.kind, "2")
		pod.Spec.InitContainers = []corev1.Container{Container("init", "env")}
		pod.Spec.InitContainers[0].Resources = pod.Spec.Containers[0].Resources
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "p")
		all := p.id(0) + "," + p.id(1)
		Expect(p.given(ctx, "p")).To(Equal(all))
		Expect(f.Logs(ctx, "p", corev1.PodLogOptions{Container: "init"})).To(ContainSubstring("THINGS=" + all))
	})

	f.It("resources/devices-kept", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 2)
		watched := f.WatchPod(ctx, "p")
		f.Create(ctx, wanting("p", p.kind, "1", "sh", "env; exit 1"))
		watched.MustReach(ctx, "its container was restarted", one(func(pod *corev1.Pod) bool { return Status(pod, "main").RestartCount >= 1 }))
		f.WaitLog(ctx, "p", "main", "THINGS="+p.id(0))
		calls := p.calls(ctx)
		Expect(len(calls)).To(BeNumerically(">=", 3), "calls %v", calls)
		Expect(calls[:3]).To(Equal([]string{"allocate:" + p.id(0), "start:" + p.id(0), "start:" + p.id(0)}))
	})

	f.It("resources/devices-without-plugin", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 2)
		p.run(ctx, "a", "1")
		f.Delete(ctx, Pod(p.name))
		p.nodes.MustReach(ctx, "no device can be had", has(p.kind, 0, 2))
		watched := f.WatchPod(ctx, "b")
		f.Create(ctx, wanting("b", p.kind, "1"))
		watched.MustReach(ctx, "it waits for a device", lacking(p.kind))
		p.start(ctx, "plugin-again", 2)
		watched.MustReach(ctx, "it is ready", one(Ready))
		Expect([]string{p.given(ctx, "a"), p.given(ctx, "b")}).To(ConsistOf(p.id(0), p.id(1)))
		pod := f.WaitPodReady(ctx, "a")
		Expect(Status(pod, "main").RestartCount).To(BeZero())
	})

	f.It("resources/devices-health", func(ctx SpecContext) {
		p := startPlugin(ctx, f, 1)
		watched := f.WatchPod(ctx, "a")
		f.Create(ctx, wanting("a", p.kind, "1"))
		is := func(health corev1.ResourceHealthStatus) func([]*corev1.Pod) bool {
			return one(func(pod *corev1.Pod) bool {
				told := Status(pod, "main").AllocatedResourcesStatus
				return len(told) == 1 && told[0].Name == p.kind && len(told[0].Resources) == 1 &&
					strings.HasSuffix(string(told[0].Resources[0].ResourceID), p.id(0)) && told[0].Resources[0].Health == health
			})
		}
		watched.MustReach(ctx, "its device is healthy", is(corev1.ResourceHealthStatusHealthy))
		watched.MustReach(ctx, "it is ready", one(Ready))
		p.tell(ctx, "sick", p.id(0))
		watched.MustReach(ctx, "its device is unhealthy", is(corev1.ResourceHealthStatusUnhealthy))
		p.tell(ctx, "well", p.id(0))
		watched.MustReach(ctx, "its device is healthy again", is(corev1.ResourceHealthStatusHealthy))
	})
})
