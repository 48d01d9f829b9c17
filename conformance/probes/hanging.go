package probes

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("probes that hang", func() {
	f := New()

	f.It("probes/exec-timeout-ends-command", func(ctx SpecContext) {
		pod := Pod("slow", "sleep", "1h")
		pod.Spec.Containers[0].ReadinessProbe = probe(run("/tool", "sleep", "47m"), func(p *corev1.Probe) { p.TimeoutSeconds = 1 })
		f.Create(ctx, pod)
		f.WaitPodRunning(ctx, "slow")
		f.WaitUntil(ctx, "the probe was given up four times", EventTimeout*2, func(ctx context.Context) (bool, string) {
			n := int32(0)
			events := f.Events(ctx, pod)
			for _, e := range events {
				if e.Reason == "Unhealthy" {
					n += e.Count
				}
			}
			return n >= 4, "the events\n" + EventLines(events)
		})
		running := f.MustExec(ctx, "slow", "", "/tool", "ps")
		Expect(strings.Count(running, "sleep 47m")).To(BeNumerically("<=", 2), "commands of the probe that run:\n%s", running)
	})

	f.It("probes/hanging-apart", func(ctx SpecContext) {
		hanging := Server("hanging")
		hanging.Spec.Containers = nil
		for _, by := range []struct {
			name  string
			probe corev1.ProbeHandler
		}{{"exec", run("/tool", "sleep", "1h")}, {"slow", get("/slow?for=1h", ServePort)}, {"endless", get("/endless", ServePort)}} {
			c := Container(by.name, "sleep", "1h")
			if by.name == "slow" {
				c = Server("").Spec.Containers[0]
				c.Name = by.name
			}
			c.LivenessProbe = probe(by.probe, func(p *corev1.Probe) { p.TimeoutSeconds, p.FailureThreshold = 30, 30 })
			hanging.Spec.Containers = append(hanging.Spec.Containers, c)
		}
		f.Create(ctx, hanging)
		node := f.WaitPodRunning(ctx, "hanging").Spec.NodeName
		quick := Server("quick")
		quick.Spec.NodeName = node
		quick.Spec.Containers[0].ReadinessProbe = probe(get("/readyz", ServePort))
		f.Create(ctx, quick)
		f.WaitPodReady(ctx, "quick")
		f.MustExec(ctx, "quick", "", "/tool", "get", "http://127.0.0.1:8080/unready", "--method", "POST")
		f.WaitUntil(ctx, "a probe that answers is heard meanwhile", PodTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, quick)
			return !Ready(quick), string(PodCondition(quick, corev1.PodReady).Status)
		})
		f.MustServe(ctx, node)
	})
})
