package probes

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("HTTP probes", func() {
	f := New()

	f.It("probes/http-status", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		pods := map[string]*corev1.Pod{}
		for name, path := range map[string]string{"ok": "/status?code=200", "accepted": "/status?code=204", "last-good": "/status?code=399",
			"bad-request": "/status?code=400", "broken": "/status?code=503"} {
			pods[name] = Server(name)
			pods[name].Spec.Containers[0].ReadinessProbe = probe(get(path, ServePort))
			f.Create(ctx, pods[name])
		}
		watched.Throughout(ctx, "the pods whose answer is an error are not ready", func(all []*corev1.Pod) string {
			for _, p := range all {
				if (p.Name == "bad-request" || p.Name == "broken") && Ready(p) {
					return p.Name + " is ready"
				}
			}
			return ""
		})
		watched.MustReach(ctx, "the others are ready", Exactly(3, Ready))
		waitEvent(ctx, f, pods["bad-request"], "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 400")
		waitEvent(ctx, f, pods["broken"], "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
	})

	f.It("probes/http-request", func(ctx SpecContext) {
		pod := Server("asked", "--log-requests")
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/status?code=200&why=not", ServePort))
		f.Create(ctx, pod)
		ready := f.WaitPodReady(ctx, "asked")
		got := waitRequests(ctx, f, "asked", "main", "/status?code=200&why=not", 1)[0].line
		Expect(got).To(HavePrefix("request GET "))
		Expect(got).To(ContainSubstring(`agent="kube-probe/`))
		Expect(got).To(ContainSubstring(`accept="*/*"`))
		Expect(got).To(ContainSubstring(`encoding=""`), "no encoding is asked for")
		Expect(got).To(ContainSubstring(ready.Status.PodIP), "the host is the pod's address")
	})

	f.It("probes/http-headers", func(ctx SpecContext) {
		pod := Server("asked", "--log-requests")
		by := get("/healthz", ServePort)
		by.HTTPGet.HTTPHeaders = []corev1.HTTPHeader{{Name: "Host", Value: "web.example.com"}, {Name: "x-test", Value: "first"}, {Name: "X-Test", Value: "second"},
			{Name: "User-Agent", Value: "own/1"}, {Name: "Accept", Value: ""}}
		pod.Spec.Containers[0].ReadinessProbe = probe(by)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "asked")
		got := waitRequests(ctx, f, "asked", "main", "/healthz", 1)[0].line
		for _, part := range []string{`host="web.example.com"`, `agent="own/1"`, `accept=""`, `test=["first" "second"]`} {
			Expect(got).To(ContainSubstring(part))
		}
	})

	f.It("probes/http-https", func(ctx SpecContext) {
		pod := Server("encrypted", "--self-signed", "--log-requests")
		by := get("/healthz", ServePort)
		by.HTTPGet.Scheme = corev1.URISchemeHTTPS
		pod.Spec.Containers[0].ReadinessProbe = probe(by)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "encrypted")
		Expect(waitRequests(ctx, f, "encrypted", "main", "/healthz", 1)[0].line).To(HaveSuffix("tls=true"))
	})

	f.It("probes/http-host", func(ctx SpecContext) {
		f.Create(ctx, Server("other", "--log-requests"))
		other := f.WaitPodReady(ctx, "other")
		pod := Pod("asks-other", "sleep", "1h") // it answers nothing itself
		by := get("/healthz", ServePort)
		by.HTTPGet.Host = other.Status.PodIP
		pod.Spec.Containers[0].ReadinessProbe = probe(by)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "asks-other")
		waitRequests(ctx, f, "other", "main", "/healthz", 1)
	})

	f.It("probes/http-redirect", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		good, bad := Server("to-good", "--log-requests"), Server("to-bad")
		good.Spec.Containers[0].ReadinessProbe = probe(get("/status?code=302&location=/healthz", ServePort))
		bad.Spec.Containers[0].ReadinessProbe = probe(get("/status?code=302&location=/status%3Fcode=500", ServePort))
		f.Create(ctx, good, bad)
		waitEvent(ctx, f, bad, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")
		f.WaitPodReady(ctx, "to-good")
		waitRequests(ctx, f, "to-good", "main", "/healthz", 1)
		watched.MustNever(ctx, "the pod whose redirect leads to an error is ready", func(all []*corev1.Pod) bool {
			return len(Where(all, Is(bad), Ready)) > 0
		}, Quiet)
	})

	f.It("probes/http-redirect-away", func(ctx SpecContext) {
		pod := Server("away")
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/status?code=302&location=http://elsewhere.invalid/", ServePort))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "away")
		waitEvent(ctx, f, pod, "ProbeWarning", "Readiness probe warning: Probe terminated redirects")
	})

	f.It("probes/http-timeout", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "slow")
		pod := Server("slow")
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/slow?for=20s", ServePort), func(p *corev1.Probe) { p.TimeoutSeconds = 1 })
		f.Create(ctx, pod)
		waitEvent(ctx, f, pod, "Unhealthy", "Readiness probe failed: ", "/slow?for=20s", "context deadline exceeded")
		watched.MustNever(ctx, "it is ready", one(Ready), Quiet)
	})

	f.It("probes/http-endless-answer", func(ctx SpecContext) {
		pod := Server("talks")
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/endless", ServePort))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "talks")
	})

	f.It("probes/http-refused", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "deaf")
		pod := Server("deaf")
		pod.Spec.Containers[0].ReadinessProbe = probe(get("/healthz", 81))
		f.Create(ctx, pod)
		waitEvent(ctx, f, pod, "Unhealthy", "Readiness probe failed: Get \"http://", ":81/healthz\"", "connection refused")
		watched.MustNever(ctx, "it is ready", one(Ready), Quiet)
	})

	f.It("probes/named-port", func(ctx SpecContext) {
		web, raw := Server("web"), Server("raw")
		web.Spec.Containers[0].ReadinessProbe = probe(get("/healthz", "http"))
		raw.Spec.Containers[0].ReadinessProbe = probe(connect("http"))
		f.Create(ctx, web, raw)
		f.WaitPodReady(ctx, "web")
		f.WaitPodReady(ctx, "raw")
	})
})
