package pods

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// lines splits a file into its lines' words, without comments.
func lines(text string) [][]string {
	var all [][]string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 0 {
			all = append(all, words)
		}
	}
	return all
}

// directive is the condition of being a line of that kind.
func directive(name string) func([]string) bool {
	return func(line []string) bool { return line[0] == name }
}

var _ = Describe("names and resolution", func() {
	f := New()

	f.It("pods/hostname", func(ctx SpecContext) {
		plain, named := Pod("plain", "sleep", "1h"), Pod("named", "sleep", "1h")
		plain.Spec.Containers = append(plain.Spec.Containers, Container("beside", "sleep", "1h"))
		named.Spec.Hostname = "somebody"
		f.Create(ctx, plain, named)
		for name, host := range map[string]string{"plain": "plain", "named": "somebody"} {
			pod := f.WaitPodReady(ctx, name)
			Expect(f.MustExec(ctx, name, "main", "/tool", "hostname")).To(Equal(host))
			hosts := lines(f.MustExec(ctx, name, "main", "/tool", "cat", "/etc/hosts"))
			Expect(hosts).To(ContainElement([]string{pod.Status.PodIP, host}))
			Expect(hosts).To(ContainElement([]string{"127.0.0.1", "localhost"}))
		}
		Expect(f.MustExec(ctx, "plain", "beside", "/tool", "hostname")).To(Equal("plain"))
	})

	f.It("pods/subdomain", func(ctx SpecContext) {
		pod := Pod("member", "sleep", "1h")
		pod.Spec.Hostname, pod.Spec.Subdomain = "one", "group"
		f.Create(ctx, pod)
		pod = f.WaitPodReady(ctx, "member")
		Expect(f.MustExec(ctx, "member", "", "/tool", "hostname")).To(Equal("one"))
		Expect(lines(f.MustExec(ctx, "member", "", "/tool", "cat", "/etc/hosts"))).To(ContainElement(HaveExactElements(
			Equal(pod.Status.PodIP), HavePrefix("one.group."+f.Namespace+".svc."), Equal("one"))))
	})

	f.It("pods/host-aliases", func(ctx SpecContext) {
		pod := Pod("aliased", "sleep", "1h")
		pod.Spec.HostAliases = []corev1.HostAlias{
			{IP: "192.0.2.1", Hostnames: []string{"foo.example", "bar.example"}}, {IP: "192.0.2.2", Hostnames: []string{"baz.example"}},
		}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "aliased")
		Expect(lines(f.MustExec(ctx, "aliased", "", "/tool", "cat", "/etc/hosts"))).To(ContainElements(
			[]string{"192.0.2.1", "foo.example", "bar.example"}, []string{"192.0.2.2", "baz.example"}))
	})

	f.It("pods/dns-cluster-first", func(ctx SpecContext) {
		f.Create(ctx, Pod("plain", "sleep", "1h"))
		f.WaitPodReady(ctx, "plain")
		resolv := lines(f.MustExec(ctx, "plain", "", "/tool", "cat", "/etc/resolv.conf"))
		Expect(Where(resolv, directive("nameserver"))).NotTo(BeEmpty())
		search := Where(resolv, directive("search"))
		Expect(search).To(HaveLen(1))
		Expect(len(search[0])).To(BeNumerically(">=", 4), "the search path %v", search)
		domain := search[0][3]
		Expect(search[0][1:4]).To(Equal([]string{f.Namespace + ".svc." + domain, "svc." + domain, domain}))
		Expect(resolv).To(ContainElement(And(ContainElement("options"), ContainElement("ndots:5"))))
	})

	f.It("pods/dns-config", func(ctx SpecContext) {
		pod := Pod("own", "sleep", "1h")
		pod.Spec.DNSPolicy = corev1.DNSNone
		pod.Spec.DNSConfig = &corev1.PodDNSConfig{
			Nameservers: []string{"192.0.2.53", "192.0.2.54"}, Searches: []string{"one.example", "two.example"},
			Options: []corev1.PodDNSConfigOption{{Name: "ndots", Value: ptr.To("2")}, {Name: "edns0"}},
		}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "own")
		resolv := lines(f.MustExec(ctx, "own", "", "/tool", "cat", "/etc/resolv.conf"))
		Expect(resolv).To(ConsistOf([]string{"nameserver", "192.0.2.53"}, []string{"nameserver", "192.0.2.54"},
			[]string{"search", "one.example", "two.example"}, ConsistOf("options", "ndots:2", "edns0")))
	})
})
