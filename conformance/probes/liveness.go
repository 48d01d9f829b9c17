package probes

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("liveness probes", func() {
	f := New()

	f.It("probes/liveness-http", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "sick")
		pod := Server("sick")
		pod.Spec.Containers[0].LivenessProbe = probe(get("/healthz", ServePort))
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		f.Create(ctx, pod)
		never(ctx, watched, "beside")
		before := watched.MustReach(ctx, "it runs", one(Ready))[0]
		post(ctx, f, "sick", "/fail")
		after := watched.MustReach(ctx, "the container was restarted and runs", one(func(p *corev1.Pod) bool {
			return restarted("main", 1)(p) && Status(p, "main").State.Running != nil
		}))[0]
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.Spec.NodeName).To(Equal(before.Spec.NodeName))
		Expect(Terminated(after, "main")).NotTo(BeNil())
		waitEvent(ctx, f, pod, "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500")
		waitEvent(ctx, f, pod, "Killing", "Container main failed liveness probe, will be restarted")
	})

	f.It("probes/liveness-tcp", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "pair")
		pod := Server("pair")
		pod.Spec.Containers[0].LivenessProbe = probe(connect(ServePort))
		deaf := Container("deaf", "sleep", "1h")
		deaf.LivenessProbe = probe(connect(81))
		pod.Spec.Containers = append(pod.Spec.Containers, deaf)
		f.Create(ctx, pod)
		never(ctx, watched, "main")
		watched.MustReach(ctx, "the container whose port is closed was restarted", one(restarted("deaf", 1)))
		waitEvent(ctx, f, pod, "Unhealthy", "Liveness probe failed: dial tcp ", ":81: connect: connection refused")
		waitEvent(ctx, f, pod, "Killing", "Container deaf failed liveness probe, will be restarted")
	})

	f.It("probes/liveness-exec", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "sick")
		pod := Pod("sick", "sleep", "1h")
		pod.Spec.Containers[0].LivenessProbe = probe(run("/tool", "sh", "stat /tmp/sick && exit 1; exit 0"))
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it runs", one(Ready))
		watched.MustNever(ctx, "it is restarted while it is well", one(restarted("main", 1)), Quiet)
		f.MustExec(ctx, "sick", "", "/tool", "touch", "/tmp/sick")
		watched.MustReach(ctx, "it was restarted", one(restarted("main", 1)))
		waitEvent(ctx, f, pod, "Killing", "Container main failed liveness probe, will be restarted")
	})

	f.It("probes/liveness-grpc", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "sick")
		pod := Server("sick")
		pod.Spec.Containers[0].LivenessProbe = probe(health("live"), after(3))
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it runs", one(Ready))
		f.WaitLog(ctx, "sick", "main", "serving")
		post(ctx, f, "sick", "/fail")
		watched.MustReach(ctx, "it was restarted", one(restarted("main", 1)))
		waitEvent(ctx, f, pod, "Unhealthy", "Liveness probe failed: ")
	})

	f.It("probes/liveness-threshold", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "moody")
		pod := Pod("moody", "sleep", "1h")
		strict := Container("strict", "sleep", "1h")
		strict.LivenessProbe = probe(failFailPass, fails(2))
		pod.Spec.Containers[0].LivenessProbe = probe(failFailPass, fails(3))
		pod.Spec.Containers = append(pod.Spec.Containers, strict)
		f.Create(ctx, pod)
		never(ctx, watched, "main")
		watched.MustReach(ctx, "the container that may fail once was restarted", one(restarted("strict", 1)))
		// Meanwhile that which may fail twice goes on.
		watched.MustNever(ctx, "it is restarted too", one(restarted("main", 1)), 3*Quiet)
	})

	f.It("probes/liveness-anew", func(ctx SpecContext) {
		const delay, failures = 3, 3
		watched := f.WatchPod(ctx, "sick")
		pod := Server("sick", "--log-requests")
		pod.Spec.Containers[0].LivenessProbe = probe(get("/status?code=500", ServePort), after(delay), fails(failures))
		f.Create(ctx, pod)
		second := watched.MustReach(ctx, "the restarted container runs", one(func(p *corev1.Pod) bool {
			return restarted("main", 1)(p) && Status(p, "main").State.Running != nil
		}))[0]
		began := Status(second, "main").State.Running.StartedAt.Time
		again := watched.MustReach(ctx, "it was killed too", one(func(p *corev1.Pod) bool {
			return restarted("main", 2)(p) || (restarted("main", 1)(p) && Status(p, "main").State.Terminated != nil) || WaitingReason(p, "main") != ""
		}))[0]
		// Of an instance that just ended the time is in its state or in the one before.
		ended := Terminated(again, "main").FinishedAt.Time
		Expect(ended.Sub(began)).To(BeNumerically(">=", (delay+failures-2)*time.Second), "the delay and all failures count anew")
	})

	f.It("probes/liveness-without-restart", func(ctx SpecContext) {
		pod := Once("sick", "sleep", "1h")
		pod.Spec.Containers[0].LivenessProbe = probe(run("/tool", "exit", "1"), fails(1))
		f.Create(ctx, pod)
		failed := f.WaitPodFailed(ctx, "sick")
		Expect(Status(failed, "main").RestartCount).To(BeZero())
		Expect(Status(failed, "main").State.Terminated).NotTo(BeNil())
		waitEvent(ctx, f, pod, "Killing", "Container main failed liveness probe")
	})

	f.It("probes/liveness-grace", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "stubborn")
		pod := Pod("stubborn", "--ignore-sigterm", "sleep", "1h")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](300)
		pod.Spec.Containers[0].LivenessProbe = probe(run("/tool", "exit", "1"), fails(1), func(p *corev1.Probe) { p.TerminationGracePeriodSeconds = ptr.To[int64](3) })
		f.Create(ctx, pod)
		killed := watched.MustReach(ctx, "it was killed, long before the pod's own grace period is over", one(restarted("main", 1)))[0]
		Expect(Terminated(killed, "main").ExitCode).To(BeEquivalentTo(137))
		f.Delete(ctx, killed, deleteNow())
	})

	f.It("probes/startup-grace", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "stubborn")
		pod := Pod("stubborn", "--ignore-sigterm", "sleep", "1h")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](300)
		pod.Spec.Containers[0].StartupProbe = probe(run("/tool", "exit", "1"), fails(1), func(p *corev1.Probe) { p.TerminationGracePeriodSeconds = ptr.To[int64](3) })
		f.Create(ctx, pod)
		killed := watched.MustReach(ctx, "it was killed, long before the pod's own grace period is over", one(restarted("main", 1)))[0]
		Expect(Terminated(killed, "main").ExitCode).To(BeEquivalentTo(137))
		f.Delete(ctx, killed, deleteNow())
	})

	f.It("probes/liveness-while-ending", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "ending")
		pod := Server("ending", "--shutdown-delay", "12s")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](60)
		pod.Spec.Containers[0].LivenessProbe = probe(run("/tool", "sh", "stat /tmp/sick && exit 1; exit 0"), fails(1), func(p *corev1.Probe) { p.TerminationGracePeriodSeconds = ptr.To[int64](1) })
		f.CreateHeld(ctx, pod)
		watched.MustReach(ctx, "it runs", one(Ready))
		f.WaitLog(ctx, "ending", "main", "serving") // else SIGTERM may come before it is heeded
		f.Delete(ctx, pod)
		f.MustExec(ctx, "ending", "", "/tool", "touch", "/tmp/sick")
		ended := watched.MustReach(ctx, "it has ended", one(func(p *corev1.Pod) bool { return Status(p, "main").State.Terminated != nil }))[0]
		Expect(Status(ended, "main").State.Terminated.ExitCode).To(BeZero(), "it ended in its own time, not by its probe")
		Expect(Status(ended, "main").RestartCount).To(BeZero())
		f.LetGo(ctx, pod)
	})
})
