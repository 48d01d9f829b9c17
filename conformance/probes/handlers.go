package probes

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("TCP, exec and gRPC probes", func() {
	f := New()

	f.It("probes/tcp", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		open, closed := Server("open"), Server("closed")
		open.Spec.Containers[0].ReadinessProbe = probe(connect(ServePort))
		closed.Spec.Containers[0].ReadinessProbe = probe(connect(81))
		f.Create(ctx, open, closed)
		f.WaitPodReady(ctx, "open")
		waitEvent(ctx, f, closed, "Unhealthy", "Readiness probe failed: dial tcp ", ":81: connect: connection refused")
		watched.MustNever(ctx, "the pod whose port is closed is ready", func(all []*corev1.Pod) bool { return len(Where(all, Is(closed), Ready)) > 0 }, Quiet)
	})

	f.It("probes/exec", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		good, bad := Pod("good", "sleep", "1h"), Pod("bad", "sleep", "1h")
		good.Spec.Containers[0].ReadinessProbe = probe(run("/tool", "sh", "echo nothing wrong"))
		bad.Spec.Containers[0].ReadinessProbe = probe(run("/tool", "sh", "echo what is wrong; exit 3"))
		f.Create(ctx, good, bad)
		f.WaitPodReady(ctx, "good")
		waitEvent(ctx, f, bad, "Unhealthy", "Readiness probe failed: what is wrong")
		watched.MustNever(ctx, "the pod whose command fails is ready", func(all []*corev1.Pod) bool { return len(Where(all, Is(bad), Ready)) > 0 }, Quiet)
	})

	f.It("probes/exec-inside", func(ctx SpecContext) {
		pod := Pod("inside", "sleep", "1h")
		pod.Spec.Containers[0].ReadinessProbe = probe(run("/tool", "write", "/tmp/seen", "probed"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "inside")
		Expect(f.MustExec(ctx, "inside", "", "/tool", "cat", "/tmp/seen")).To(Equal("probed"))
	})

	f.It("probes/exec-timeout", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "slow")
		pod := Pod("slow", "sleep", "1h")
		pod.Spec.Containers[0].ReadinessProbe = probe(run("/tool", "sleep", "20"), func(p *corev1.Probe) { p.TimeoutSeconds = 2 })
		f.Create(ctx, pod)
		waitEvent(ctx, f, pod, "Unhealthy", "Readiness probe failed: ", "timed out")
		watched.MustNever(ctx, "it is ready", one(Ready), Quiet)
	})

	f.It("probes/exec-missing", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "lacks")
		pod := Pod("lacks", "sleep", "1h")
		pod.Spec.Containers[0].ReadinessProbe = probe(run("/none-such"))
		f.Create(ctx, pod)
		waitEvent(ctx, f, pod, "Unhealthy", "Readiness probe ")
		watched.MustNever(ctx, "it is ready", one(Ready), Quiet)
	})

	f.It("probes/grpc", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "speaks")
		pod := Server("speaks")
		pod.Spec.Containers[0].ReadinessProbe = probe(corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: ServePort}}, fails(1))
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it serves and is ready", one(Ready))
		post(ctx, f, "speaks", "/fail")
		watched.MustReach(ctx, "it says that it does not serve and is not ready", one(unready))
		waitEvent(ctx, f, pod, "Unhealthy", `Readiness probe failed: service unhealthy (responded with "NOT_SERVING")`)
		post(ctx, f, "speaks", "/recover")
		watched.MustReach(ctx, "it is ready again", one(Ready))
	})

	f.It("probes/grpc-service", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		known, unknown := Server("known"), Server("unknown")
		known.Spec.Containers[0].ReadinessProbe = probe(health("ready"), fails(1))
		unknown.Spec.Containers[0].ReadinessProbe = probe(health("none-such"))
		f.Create(ctx, known, unknown)
		is := func(pod *corev1.Pod, so func(*corev1.Pod) bool) func([]*corev1.Pod) bool {
			return func(all []*corev1.Pod) bool { return len(Where(all, Is(pod), so)) == 1 }
		}
		watched.MustReach(ctx, "the pod whose service serves is ready", is(known, Ready))
		post(ctx, f, "known", "/unready") // of the services, only "ready" does not serve any more
		watched.MustReach(ctx, "it is not ready", is(known, unready))
		waitEvent(ctx, f, unknown, "Unhealthy", "Readiness probe failed: ")
		watched.MustNever(ctx, "the pod whose service is unknown is ready", is(unknown, Ready), Quiet)
	})

	f.It("probes/grpc-refused", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "deaf")
		pod := Server("deaf")
		pod.Spec.Containers[0].ReadinessProbe = probe(corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 81}}, func(p *corev1.Probe) { p.TimeoutSeconds = 2 })
		f.Create(ctx, pod)
		waitEvent(ctx, f, pod, "Unhealthy", "Readiness probe failed: ", ":81")
		watched.MustNever(ctx, "it is ready", one(Ready), Quiet)
	})
})
