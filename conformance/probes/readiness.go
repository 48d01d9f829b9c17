package probes

import (
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func deleteNow() metav1.DeleteOptions {
	return metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}
}

// endpoint is the condition that the Service has the pod's address as an endpoint for which so.
func endpoint(address string, so func(discoveryv1.EndpointConditions) bool) func([]*discoveryv1.EndpointSlice) bool {
	return func(slices []*discoveryv1.EndpointSlice) bool {
		for _, slice := range slices {
			for _, e := range slice.Endpoints {
				if len(e.Addresses) == 1 && e.Addresses[0] == address {
					return so(e.Conditions)
				}
			}
		}
		return false
	}
}

var _ = Describe("readiness probes", func() {
	f := New()

	f.It("probes/readiness", func(ctx SpecContext) {
		watched, slices := f.WatchPod(ctx, "web"), f.WatchSlices(ctx, "web")
		pod := Server("web")
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/readyz", ServePort), fails(2))
		f.Create(ctx, Service("web"), pod)
		never(ctx, watched, "main")
		address := watched.MustReach(ctx, "it is ready", one(Ready))[0].Status.PodIP
		ready := func(want bool) func(discoveryv1.EndpointConditions) bool {
			return func(c discoveryv1.EndpointConditions) bool { return ptr.Deref(c.Ready, true) == want }
		}
		slices.MustReach(ctx, "it is an endpoint", endpoint(address, ready(true)))
		post(ctx, f, "web", "/unready")
		watched.MustReach(ctx, "it runs on and is not ready", one(func(p *corev1.Pod) bool {
			return unready(p) && !Status(p, "main").Ready && Status(p, "main").State.Running != nil &&
				PodCondition(p, corev1.PodReady).Reason == "ContainersNotReady" && PodCondition(p, corev1.ContainersReady).Status == corev1.ConditionFalse
		}))
		slices.MustReach(ctx, "its endpoint is not ready", endpoint(address, ready(false)))
		waitEvent(ctx, f, pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")
		watched.MustNever(ctx, "it is killed", one(func(p *corev1.Pod) bool { return Status(p, "main").State.Running == nil }), Quiet)
		post(ctx, f, "web", "/ready")
		watched.MustReach(ctx, "it is ready again", one(Ready))
		slices.MustReach(ctx, "it is an endpoint again", endpoint(address, ready(true)))
	})

	f.It("probes/readiness-at-first", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "later")
		pod := Pod("later", "sleep", "1h")
		pod.Spec.Containers[0].ReadinessProbe = probe(run("/tool", "cat", "/tmp/ready"))
		pod.Spec.Containers = append(pod.Spec.Containers, Container("unasked", "sleep", "1h"))
		f.Create(ctx, pod)
		var told atomic.Bool
		watched.Throughout(ctx, "it is not ready before its probe succeeds, not even at first", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if Status(p, "main").Ready && !told.Load() {
					return "it is ready"
				}
			}
			return ""
		})
		watched.MustReach(ctx, "both run, and the container without a probe is ready at once", one(func(p *corev1.Pod) bool {
			return Status(p, "unasked").Ready && Status(p, "main").State.Running != nil && !Status(p, "main").Ready
		}))
		watched.MustNever(ctx, "it is ready before its probe succeeds", one(Ready), Quiet)
		told.Store(true)
		f.MustExec(ctx, "later", "main", "/tool", "touch", "/tmp/ready")
		watched.MustReach(ctx, "it is ready", one(Ready))
	})

	f.It("probes/none", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "unasked")
		f.Create(ctx, Pod("unasked", "sleep", "1h"))
		watched.Throughout(ctx, "a container without probes is started and ready as soon as it runs", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if s := Status(p, "main"); s.State.Running != nil && (!s.Ready || !ptr.Deref(s.Started, false)) {
					return "it runs and is not ready or started"
				}
			}
			return ""
		})
		watched.MustReach(ctx, "it is ready", one(Ready))
	})

	f.It("probes/success-threshold", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "moody")
		pod := Pod("moody", "sleep", "1h")
		easy := Container("easy", "sleep", "1h")
		easy.ReadinessProbe = probe(passPassFail, fails(3), func(p *corev1.Probe) { p.SuccessThreshold = 2 })
		pod.Spec.Containers[0].ReadinessProbe = probe(passPassFail, fails(3), func(p *corev1.Probe) { p.SuccessThreshold = 3 })
		pod.Spec.Containers = append(pod.Spec.Containers, easy)
		f.Create(ctx, pod)
		watched.Throughout(ctx, "the container that never passes three times in a row is not ready", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if Status(p, "main").Ready {
					return "it is ready"
				}
			}
			return ""
		})
		watched.MustReach(ctx, "the container that has to pass twice in a row is ready", one(func(p *corev1.Pod) bool { return Status(p, "easy").Ready }))
		watched.MustNever(ctx, "both are", one(Ready), 3*Quiet)
	})

	f.It("probes/readiness-threshold", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "moody")
		pod := Pod("moody", "sleep", "1h")
		strict := Container("strict", "sleep", "1h")
		strict.ReadinessProbe = probe(failFailPass, fails(2))
		pod.Spec.Containers[0].ReadinessProbe = probe(failFailPass, fails(3))
		pod.Spec.Containers = append(pod.Spec.Containers, strict)
		f.Create(ctx, pod)
		watched.MustReach(ctx, "the container that may fail twice is ready", one(func(p *corev1.Pod) bool { return Status(p, "main").Ready }))
		watched.Throughout(ctx, "it stays so", func(pods []*corev1.Pod) string {
			for _, p := range pods {
				if !Status(p, "main").Ready {
					return "it is not ready"
				}
			}
			return ""
		})
		watched.MustReach(ctx, "the container that may fail once is ready at times", one(func(p *corev1.Pod) bool { return Status(p, "strict").Ready }))
		watched.MustReach(ctx, "and at times not", one(func(p *corev1.Pod) bool { return !Status(p, "strict").Ready }))
		watched.MustReach(ctx, "and ready again", one(func(p *corev1.Pod) bool { return Status(p, "strict").Ready }))
	})

	f.It("probes/initial-delay", func(ctx SpecContext) {
		const delay = 6
		pod := Server("web", "--log-requests")
		pod.Spec.Containers[0].LivenessProbe = probe(get("/healthz", ServePort), after(delay))
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/readyz", ServePort), after(delay))
		f.Create(ctx, pod)
		ready := f.WaitPodReady(ctx, "web")
		began := Status(ready, "main").State.Running.StartedAt.Time
		for _, path := range []string{"/healthz", "/readyz"} {
			first := waitRequests(ctx, f, "web", "main", path, 1)[0].at
			Expect(first.Sub(began)).To(BeNumerically(">=", delay*time.Second), "the first request for %s", path)
		}
	})

	f.It("probes/period", func(ctx SpecContext) {
		const period = 3
		pod := Server("web", "--log-requests")
		pod.Spec.Containers[0].LivenessProbe = probe(get("/healthz", ServePort), func(p *corev1.Probe) { p.PeriodSeconds = period })
		f.Create(ctx, pod)
		asked := waitRequests(ctx, f, "web", "main", "/healthz", 5)
		// A late request may make one gap shorter.
		Expect(asked[4].at.Sub(asked[0].at)).To(BeNumerically(">", (4*period-2)*time.Second), "time between the first and the fifth request")
	})

	f.It("probes/readiness-while-ending", func(ctx SpecContext) {
		watched, slices := f.WatchPod(ctx, "ending"), f.WatchSlices(ctx, "ending")
		pod := Server("ending", "--shutdown-delay", "25s")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](60)
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/readyz", ServePort), fails(1))
		f.Create(ctx, Service("ending"), pod)
		address := watched.MustReach(ctx, "it is ready", one(Ready))[0].Status.PodIP
		slices.MustReach(ctx, "it is an endpoint", endpoint(address, func(c discoveryv1.EndpointConditions) bool { return ptr.Deref(c.Ready, true) }))
		f.Delete(ctx, pod)
		slices.MustReach(ctx, "its endpoint is terminating, serves on and is not ready", endpoint(address, func(c discoveryv1.EndpointConditions) bool {
			return ptr.Deref(c.Terminating, false) && ptr.Deref(c.Serving, false) && !ptr.Deref(c.Ready, true)
		}))
		post(ctx, f, "ending", "/unready")
		watched.MustReach(ctx, "its probe fails, and it runs on and is not ready", one(func(p *corev1.Pod) bool {
			return p.DeletionTimestamp != nil && !Status(p, "main").Ready && Status(p, "main").State.Running != nil
		}))
		slices.MustReach(ctx, "its probe fails, and it serves no longer", endpoint(address, func(c discoveryv1.EndpointConditions) bool {
			return ptr.Deref(c.Terminating, false) && !ptr.Deref(c.Serving, true)
		}))
		f.Delete(ctx, pod, deleteNow())
	})
})
