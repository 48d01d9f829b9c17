package pods

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("what containers share", func() {
	f := New()

	f.It("pods/own-address", func(ctx SpecContext) {
		f.Create(ctx, Pod("one", "sleep", "1h"), Pod("two", "sleep", "1h"))
		one, two := f.WaitPodReady(ctx, "one"), f.WaitPodReady(ctx, "two")
		Expect(one.Status.PodIP).NotTo(BeEmpty())
		Expect(one.Status.PodIP).NotTo(Equal(two.Status.PodIP))
		Expect(one.Status.PodIPs).To(ContainElement(HaveField("IP", one.Status.PodIP)))
		Expect(one.Status.PodIP).NotTo(Equal(one.Status.HostIP))
		for _, pod := range []*corev1.Pod{one, two} {
			Expect(f.MustExec(ctx, pod.Name, "", "/tool", "addresses")).To(ContainSubstring(pod.Status.PodIP+"/"), "the addresses that pod %s sees", pod.Name)
		}
	})

	f.It("pods/reach-each-other", func(ctx SpecContext) {
		one, two := f.NewCaller(ctx, "one"), f.NewCaller(ctx, "two")
		one.WaitAnswers(ctx, two.Pod.Status.PodIP, ServePort, "/clientip", one.Pod.Status.PodIP)
		two.WaitAnswers(ctx, one.Pod.Status.PodIP, ServePort, "/clientip", two.Pod.Status.PodIP)
		one.WaitAnswers(ctx, one.Pod.Status.PodIP, ServePort, "/hostname", "one")
	})

	f.It("pods/cross-node", func(ctx SpecContext) {
		nodes := f.Nodes(ctx)
		one, two := f.NewCaller(ctx, "one", nodes[0].Name), f.NewCaller(ctx, "two", nodes[1].Name)
		Expect(one.Pod.Status.HostIP).NotTo(Equal(two.Pod.Status.HostIP))
		one.WaitAnswers(ctx, two.Pod.Status.PodIP, ServePort, "/clientip", one.Pod.Status.PodIP)
		two.WaitAnswers(ctx, one.Pod.Status.PodIP, ServePort, "/clientip", two.Pod.Status.PodIP)
	})

	f.It("pods/shared-localhost", func(ctx SpecContext) {
		pod := Server("pair")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "pair")
		f.WaitLog(ctx, "pair", "main", "serving") // without a probe, Ready does not mean that it listens
		Expect(f.MustExec(ctx, "pair", "beside", "/tool", "get", "http://127.0.0.1:8080/hostname")).To(Equal("pair"))
		Expect(f.MustExec(ctx, "pair", "main", "/tool", "hostname")).To(Equal(f.MustExec(ctx, "pair", "beside", "/tool", "hostname")))
	})

	f.It("pods/shared-ports", func(ctx SpecContext) {
		pair := Once("pair", "hold-port", "7000")
		pair.Spec.Containers = append(pair.Spec.Containers, Container("second", "hold-port", "7000"))
		watched := f.WatchPod(ctx, "pair")
		f.Create(ctx, pair, Once("alone", "hold-port", "7000"))
		holds := func(p *corev1.Pod, container string) bool { return Status(p, container).State.Running != nil }
		failed := func(p *corev1.Pod, container string) bool {
			ended := Status(p, container).State.Terminated
			return ended != nil && ended.ExitCode == 1
		}
		pod := watched.MustReach(ctx, "one container holds the port, the other has failed", one(func(p *corev1.Pod) bool {
			return holds(p, "main") && failed(p, "second") || holds(p, "second") && failed(p, "main")
		}))[0]
		loser := "main"
		if failed(pod, "second") {
			loser = "second"
		}
		f.WaitLog(ctx, "pair", loser, "address already in use")
		f.WaitLog(ctx, "alone", "main", "holding") // the same port in another pod is no conflict
	})

	f.It("pods/shared-volumes-only", func(ctx SpecContext) {
		pod := Pod("pair", "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		SharedDir(&pod.Spec, "/shared")
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "pair")
		f.MustExec(ctx, "pair", "main", "/tool", "write", "/shared/file", "in the volume")
		f.MustExec(ctx, "pair", "main", "/tool", "write", "/private", "in the container")
		Expect(f.MustExec(ctx, "pair", "beside", "/tool", "cat", "/shared/file")).To(Equal("in the volume"))
		Expect(f.MustExec(ctx, "pair", "main", "/tool", "cat", "/private")).To(Equal("in the container"))
		Expect(f.Exec(ctx, "pair", "beside", "/tool", "cat", "/private").Code).NotTo(BeZero(), "the other container's file is seen")
	})
})
