package pods

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("namespaces of the kernel", func() {
	f := New()

	// on describes a pod that runs on the node where the other runs.
	on := func(name string, other *corev1.Pod, args ...string) *corev1.Pod {
		pod := Pod(name, args...)
		pod.Spec.NodeName = other.Spec.NodeName
		return pod
	}

	f.It("pods/host-network", func(ctx SpecContext) {
		pod := Pod("outside", "sleep", "1h")
		pod.Spec.HostNetwork = true
		f.Create(ctx, pod, Pod("inside", "sleep", "1h"))
		ready := f.WaitPodReady(ctx, "outside")
		Expect(ready.Status.PodIP).To(Equal(ready.Status.HostIP))
		Expect(f.MustExec(ctx, "outside", "", "/tool", "addresses")).To(ContainSubstring(ready.Status.HostIP + "/"))
		Expect(f.MustExec(ctx, "outside", "", "/tool", "hostname")).NotTo(Equal("outside"), "the host name is the node's")
		f.WaitPodReady(ctx, "inside")
		Expect(f.MustExec(ctx, "inside", "", "/tool", "addresses")).NotTo(ContainSubstring(ready.Status.HostIP + "/"))
	})

	f.It("pods/host-pid", func(ctx SpecContext) {
		f.Create(ctx, Pod("seen", "sleep", "54321"))
		seen := f.WaitPodReady(ctx, "seen")
		pod, apart := on("sees", seen, "sleep", "1h"), on("apart", seen, "sleep", "1h")
		pod.Spec.HostPID = true
		f.Create(ctx, pod, apart)
		f.WaitPodReady(ctx, "sees")
		f.WaitPodReady(ctx, "apart")
		Expect(f.MustExec(ctx, "sees", "", "/tool", "ps")).To(ContainSubstring("sleep 54321"), "the process of another pod of the node")
		Expect(f.MustExec(ctx, "apart", "", "/tool", "ps")).NotTo(ContainSubstring("sleep 54321"))
	})

	f.It("pods/host-ipc", func(ctx SpecContext) {
		one := Pod("one", "sleep", "1h")
		one.Spec.HostIPC = true
		f.Create(ctx, one)
		first := f.WaitPodReady(ctx, "one")
		two, apart := on("two", first, "sleep", "1h"), on("apart", first, "sleep", "1h")
		two.Spec.HostIPC = true
		apart.Spec.Containers = append(apart.Spec.Containers, Container("beside", "sleep", "1h"))
		f.Create(ctx, two, apart)
		f.WaitPodReady(ctx, "two")
		f.WaitPodReady(ctx, "apart")
		namespace := func(pod, container string) string {
			return f.MustExec(ctx, pod, container, "/tool", "readlink", "/proc/self/ns/ipc")
		}
		Expect(namespace("two", "main")).To(Equal(namespace("one", "main")))
		Expect(namespace("apart", "main")).NotTo(Equal(namespace("one", "main")))
		Expect(namespace("apart", "main")).To(Equal(namespace("apart", "beside")), "the containers of a pod share theirs")
	})

	f.It("pods/processes-apart", func(ctx SpecContext) {
		pod := Pod("pair", "sleep", "11111")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "22222"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "pair")
		processes := f.MustExec(ctx, "pair", "main", "/tool", "ps")
		Expect(processes).To(HavePrefix("1 /tool sleep 11111"), "the container's own process is the first")
		Expect(processes).NotTo(ContainSubstring("22222"))
	})

	f.It("pods/share-process-namespace", func(ctx SpecContext) {
		pod := Pod("pair", "sleep", "11111")
		pod.Spec.ShareProcessNamespace = ptr.To(true)
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "22222"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "pair")
		processes := f.MustExec(ctx, "pair", "main", "/tool", "ps")
		Expect(processes).To(And(ContainSubstring("sleep 11111"), ContainSubstring("sleep 22222")))
		Expect(processes).NotTo(HavePrefix("1 /tool sleep"), "the first process is none of the containers'")
		// A container may signal another's process, and that one is restarted by its policy.
		var id string
		for line := range strings.Lines(processes) {
			if strings.Contains(line, "22222") {
				id, _, _ = strings.Cut(line, " ")
			}
		}
		watched := f.WatchPod(ctx, "pair")
		f.MustExec(ctx, "pair", "main", "/tool", "kill", "KILL", id)
		watched.MustReach(ctx, "the killed container was restarted", one(restarts("beside", 1)))
		Expect(Status(watched.Now()[0], "main").RestartCount).To(BeZero())
	})

	f.It("pods/user-namespace", func(ctx SpecContext) {
		one, two := Pod("one", "sleep", "1h"), Pod("two", "sleep", "1h")
		one.Spec.HostUsers, two.Spec.HostUsers = ptr.To(false), ptr.To(false)
		SharedDir(&one.Spec, "/shared")
		one.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: caps("SYS_ADMIN")}}
		f.Create(ctx, one, Pod("plain", "sleep", "1h"))
		two.Spec.NodeName = f.WaitPodReady(ctx, "one").Spec.NodeName
		f.Create(ctx, two)
		type span struct{ first, host, length int64 }
		spans := map[string]span{}
		for _, name := range []string{"one", "two", "plain"} {
			f.WaitPodReady(ctx, name)
			var s span
			text := f.MustExec(ctx, name, "", "/tool", "cat", "/proc/self/uid_map")
			_, err := fmt.Sscan(text, &s.first, &s.host, &s.length)
			Expect(err).NotTo(HaveOccurred(), "the map %q", text)
			spans[name] = s
		}
		a, b := spans["one"], spans["two"]
		Expect(a.first).To(BeZero())
		Expect(a.length).To(BeNumerically(">=", 65536))
		Expect(a.host).To(BeNumerically(">=", 65536), "the pod's root is none of the node's users")
		Expect(a.host+a.length <= b.host || b.host+b.length <= a.host).To(BeTrue(), "two pods have users in common: %v and %v", a, b)
		Expect(spans["plain"].host).NotTo(Equal(a.host))
		Expect(f.MustExec(ctx, "one", "", "/tool", "id")).To(HavePrefix("uid=0 gid=0 "))
		f.MustExec(ctx, "one", "", "/tool", "touch", "/shared/file")
		Expect(f.MustExec(ctx, "one", "", "/tool", "stat", "/shared/file")).To(ContainSubstring(" 0:0 "))
	})

	f.It("pods/user-namespace-invalid", func(ctx SpecContext) {
		for _, share := range []func(*corev1.PodSpec){
			func(s *corev1.PodSpec) { s.HostPID = true }, func(s *corev1.PodSpec) { s.HostIPC = true },
		} {
			pod := Idle()
			pod.Spec.HostUsers = ptr.To(false)
			share(&pod.Spec)
			MustRefuse(f.DryCreate(ctx, pod), 422, "ostUsers") // as hostUsers, or pod.Spec.HostUsers
		}
	})

	f.It("pods/hostname-fqdn", func(ctx SpecContext) {
		full, partial := Pod("full", "sleep", "1h"), Pod("partial", "sleep", "1h")
		full.Spec.Subdomain, partial.Spec.Subdomain = "web", "web"
		full.Spec.SetHostnameAsFQDN = ptr.To(true)
		f.Create(ctx, full, partial)
		f.WaitPodReady(ctx, "full")
		f.WaitPodReady(ctx, "partial")
		Expect(f.MustExec(ctx, "full", "", "/tool", "hostname")).To(HavePrefix("full.web." + f.Namespace + ".svc."))
		Expect(f.MustExec(ctx, "partial", "", "/tool", "hostname")).To(Equal("partial"))
	})

	f.It("pods/hostname-override", func(ctx SpecContext) {
		const name = "a.name.of-its.own"
		pod := Pod("renamed", "sleep", "1h")
		pod.Spec.HostnameOverride, pod.Spec.Hostname, pod.Spec.Subdomain = ptr.To(name), "other", "web"
		err := f.TryCreate(ctx, pod)
		Expect(err).NotTo(HaveOccurred())
		if pod.Spec.HostnameOverride == nil {
			Skip("needs the feature HostnameOverride: the API server drops the field")
		}
		f.WaitPodReady(ctx, "renamed")
		Expect(f.MustExec(ctx, "renamed", "", "/tool", "hostname")).To(Equal(name))
		Expect(f.MustExec(ctx, "renamed", "", "/tool", "cat", "/etc/hosts")).To(And(ContainSubstring("\t"+name), Not(ContainSubstring(".web."))))
		for _, spoil := range []func(*corev1.PodSpec){
			func(s *corev1.PodSpec) { s.HostNetwork = true }, func(s *corev1.PodSpec) { s.SetHostnameAsFQDN = ptr.To(true) },
			func(s *corev1.PodSpec) { s.HostnameOverride = ptr.To("Not A Name") },
			func(s *corev1.PodSpec) { s.HostnameOverride = ptr.To(strings.Repeat("a", 63) + ".b") },
		} {
			wrong := Idle()
			wrong.Spec.HostnameOverride = ptr.To(name)
			spoil(&wrong.Spec)
			MustRefuse(f.DryCreate(ctx, wrong), 422)
		}
	})

	f.It("pods/os", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "foreign")
		own, foreign := Pod("own", "sleep", "1h"), Pod("foreign", "sleep", "1h")
		own.Spec.OS, foreign.Spec.OS = &corev1.PodOS{Name: corev1.Linux}, &corev1.PodOS{Name: corev1.Windows}
		foreign.Spec.NodeName = f.Nodes(ctx)[0].Name
		f.Create(ctx, own, foreign)
		failed := watched.MustReach(ctx, "the node rejects it", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed }))[0]
		Expect(failed.Status.Reason).To(Equal("PodOSNotSupported"))
		Expect(begun(failed, "main")).To(BeFalse(), "its container was started")
		f.WaitPodReady(ctx, "own")
	})

	f.It("pods/windows-options", func(ctx SpecContext) {
		pod := Pod("portable", "sleep", "1h")
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{RunAsUserName: ptr.To("ContainerUser")}}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "portable")
		for _, name := range []corev1.OSName{corev1.Linux, "plan9"} {
			wrong := pod.DeepCopy()
			wrong.ObjectMeta = Idle().ObjectMeta
			wrong.Spec.OS = &corev1.PodOS{Name: name}
			MustRefuse(f.DryCreate(ctx, wrong), 422, "spec.")
		}
	})
})
