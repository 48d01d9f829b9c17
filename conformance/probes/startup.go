package probes

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func sidecar(name string, args ...string) corev1.Container {
	container := Container(name, args...)
	container.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	return container
}

var _ = Describe("startup probes and sidecars", func() {
	f := New()

	f.It("probes/startup", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "slow")
		pod := Server("slow", "--log-requests")
		main := &pod.Spec.Containers[0]
		main.StartupProbe = probe(run("/tool", "cat", "/tmp/started"), fails(600))
		main.LivenessProbe = probe(get("/status?code=500&for=liveness", ServePort), fails(1))
		main.ReadinessProbe = probe(get("/readyz", ServePort))
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it runs, and is neither started nor ready", one(func(p *corev1.Pod) bool {
			s := Status(p, "main")
			return s.State.Running != nil && s.Started != nil && !*s.Started && !s.Ready
		}))
		watched.MustNever(ctx, "it is ready or restarted before it has started", one(func(p *corev1.Pod) bool { return Ready(p) || restarted("main", 1)(p) }), Quiet)
		Expect(requests(ctx, f, "slow", "main")).To(BeEmpty(), "the other probes are held back")
		f.MustExec(ctx, "slow", "", "/tool", "touch", "/tmp/started")
		watched.MustReach(ctx, "it has started", one(func(p *corev1.Pod) bool { return ptr.Deref(Status(p, "main").Started, false) }))
		watched.MustReach(ctx, "its liveness probe, which fails, counts now", one(restarted("main", 1)))
	})

	f.It("probes/startup-fails", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "never-up")
		pod := Pod("never-up", "sleep", "1h")
		pod.Spec.Containers[0].StartupProbe = probe(run("/tool", "exit", "1"), fails(3))
		f.Create(ctx, pod)
		watched.Throughout(ctx, "it never has started nor is ready", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if Status(p, "main").Ready || ptr.Deref(Status(p, "main").Started, false) {
					return "it is ready or started"
				}
			}
			return ""
		})
		watched.MustReach(ctx, "it was restarted", one(restarted("main", 1)))
		waitEvent(ctx, f, pod, "Unhealthy", "Startup probe failed: ")
		waitEvent(ctx, f, pod, "Killing", "Container main failed startup probe, will be restarted")
	})

	f.It("probes/startup-once", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "up")
		pod := Server("up", "--log-requests")
		pod.Spec.Containers[0].StartupProbe = probe(get("/healthz", ServePort), fails(60))
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/readyz", ServePort))
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it is ready", one(Ready))
		post(ctx, f, "up", "/fail") // what its startup probe asks for fails from now on
		waitRequests(ctx, f, "up", "main", "/readyz", 5)
		before := len(waitRequests(ctx, f, "up", "main", "/healthz", 1))
		waitRequests(ctx, f, "up", "main", "/readyz", 10)
		Expect(waitRequests(ctx, f, "up", "main", "/healthz", 1)).To(HaveLen(before), "requests of the startup probe")
		watched.MustNever(ctx, "it is restarted", one(restarted("main", 1)), Quiet)
	})

	f.It("probes/sidecar-startup", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "assisted")
		pod := Pod("assisted", "sleep", "1h")
		side := sidecar("side", "sleep", "1h")
		side.StartupProbe = probe(run("/tool", "cat", "/tmp/started"), fails(600))
		pod.Spec.InitContainers = []corev1.Container{side, Container("init", "exit", "0")}
		f.Create(ctx, pod)
		watched.MustReach(ctx, "the sidecar runs", one(func(p *corev1.Pod) bool { return Status(p, "side").State.Running != nil }))
		watched.MustNever(ctx, "a container after it starts before it has started", one(func(p *corev1.Pod) bool {
			return Status(p, "init").ContainerID != "" || Status(p, "main").ContainerID != ""
		}), Quiet)
		f.MustExec(ctx, "assisted", "side", "/tool", "touch", "/tmp/started")
		watched.MustReach(ctx, "the pod is ready", one(Ready))
	})

	f.It("probes/sidecar-readiness", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "assisted")
		pod := Pod("assisted", "sleep", "1h")
		side := sidecar("side", "sleep", "1h")
		side.ReadinessProbe = probe(run("/tool", "cat", "/tmp/ready"))
		pod.Spec.InitContainers = []corev1.Container{side}
		f.Create(ctx, pod)
		watched.MustReach(ctx, "the app container runs, though the sidecar is not ready", one(func(p *corev1.Pod) bool { return Status(p, "main").Ready }))
		watched.MustNever(ctx, "the pod is ready", one(Ready), Quiet)
		f.MustExec(ctx, "assisted", "side", "/tool", "touch", "/tmp/ready")
		watched.MustReach(ctx, "the pod is ready", one(Ready))
	})

	f.It("probes/sidecar-liveness", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "assisted")
		pod := Pod("assisted", "sleep", "1h")
		side := sidecar("side", "sleep", "1h")
		side.LivenessProbe = probe(run("/tool", "sh", "stat /tmp/sick && exit 1; exit 0"))
		pod.Spec.InitContainers = []corev1.Container{side}
		f.Create(ctx, pod)
		never(ctx, watched, "main")
		watched.MustReach(ctx, "it is ready", one(Ready))
		f.MustExec(ctx, "assisted", "side", "/tool", "touch", "/tmp/sick")
		watched.MustReach(ctx, "the sidecar was restarted and runs", one(func(p *corev1.Pod) bool {
			return restarted("side", 1)(p) && Status(p, "side").State.Running != nil
		}))
		watched.MustReach(ctx, "the pod is ready", one(Ready))
	})
})

var _ = Describe("the fields of probes", func() {
	f := New()

	f.It("probes/defaults", func(ctx SpecContext) {
		pod := Server("plain")
		main := &pod.Spec.Containers[0]
		main.LivenessProbe = &corev1.Probe{ProbeHandler: get("", ServePort)}
		main.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: ServePort}}}
		main.StartupProbe = &corev1.Probe{ProbeHandler: connect(ServePort)}
		Expect(f.DryCreate(ctx, pod)).To(Succeed())
		main = &pod.Spec.Containers[0]
		for _, p := range []*corev1.Probe{main.LivenessProbe, main.ReadinessProbe, main.StartupProbe} {
			Expect(*p).To(And(HaveField("InitialDelaySeconds", BeEquivalentTo(0)), HaveField("PeriodSeconds", BeEquivalentTo(10)), HaveField("TimeoutSeconds", BeEquivalentTo(1)),
				HaveField("SuccessThreshold", BeEquivalentTo(1)), HaveField("FailureThreshold", BeEquivalentTo(3)), HaveField("TerminationGracePeriodSeconds", BeNil())))
		}
		Expect(main.LivenessProbe.HTTPGet.Path).To(Equal("/"))
		Expect(main.LivenessProbe.HTTPGet.Scheme).To(Equal(corev1.URISchemeHTTP))
		Expect(main.ReadinessProbe.GRPC.Service).To(HaveValue(BeEmpty()))
	})

	f.It("probes/invalid", func(ctx SpecContext) {
		live := "spec.containers[0].livenessProbe"
		for field, spoil := range map[string]func(*corev1.Container){
			live:                          func(c *corev1.Container) { c.LivenessProbe = &corev1.Probe{} },
			live + ".tcpSocket":           func(c *corev1.Container) { c.LivenessProbe.TCPSocket = &corev1.TCPSocketAction{Port: portOf(80)} },
			live + ".httpGet.port":        func(c *corev1.Container) { c.LivenessProbe.HTTPGet.Port = portOf(70000) },
			live + ".httpGet.scheme":      func(c *corev1.Container) { c.LivenessProbe.HTTPGet.Scheme = "gopher" },
			live + ".periodSeconds":       func(c *corev1.Container) { c.LivenessProbe.PeriodSeconds = -1 },
			live + ".timeoutSeconds":      func(c *corev1.Container) { c.LivenessProbe.TimeoutSeconds = -1 },
			live + ".initialDelaySeconds": func(c *corev1.Container) { c.LivenessProbe.InitialDelaySeconds = -1 },
			live + ".failureThreshold":    func(c *corev1.Container) { c.LivenessProbe.FailureThreshold = -1 },
			live + ".successThreshold":    func(c *corev1.Container) { c.LivenessProbe.SuccessThreshold = 2 },
			live + ".terminationGracePeriodSeconds": func(c *corev1.Container) {
				c.LivenessProbe.TerminationGracePeriodSeconds = ptr.To[int64](0)
			},
			"spec.containers[0].startupProbe.successThreshold": func(c *corev1.Container) {
				c.StartupProbe = probe(get("/", ServePort), func(p *corev1.Probe) { p.SuccessThreshold = 2 })
			},
			"spec.containers[0].readinessProbe.terminationGracePeriodSeconds": func(c *corev1.Container) {
				c.ReadinessProbe = probe(get("/", ServePort), func(p *corev1.Probe) { p.TerminationGracePeriodSeconds = ptr.To[int64](5) })
			},
			"spec.containers[0].readinessProbe.exec.command": func(c *corev1.Container) { c.ReadinessProbe = probe(run()) },
		} {
			By(fmt.Sprintf("field %s", field))
			pod := Server("spoilt")
			pod.Spec.Containers[0].LivenessProbe = probe(get("/", ServePort))
			spoil(&pod.Spec.Containers[0])
			MustBeInvalid(f.DryCreate(ctx, pod), field)
		}
		for _, kind := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
			pod := Server("spoilt")
			init := Container("init", "exit", "0")
			switch kind {
			case "livenessProbe":
				init.LivenessProbe = probe(get("/", ServePort))
			case "readinessProbe":
				init.ReadinessProbe = probe(get("/", ServePort))
			default:
				init.StartupProbe = probe(get("/", ServePort))
			}
			pod.Spec.InitContainers = []corev1.Container{init}
			MustBeInvalid(f.DryCreate(ctx, pod), "spec.initContainers[0]."+kind)
		}
	})
})
