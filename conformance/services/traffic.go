package services

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// servers starts pods app=web of these names and waits until they are ready.
func servers(ctx context.Context, f *Framework, names ...string) []*corev1.Pod {
	GinkgoHelper()
	pods := make([]*corev1.Pod, len(names))
	for i, name := range names {
		pods[i] = Server(name)
		pods[i].Labels["app"] = "web"
		f.Create(ctx, pods[i])
	}
	for i, name := range names {
		pods[i] = f.WaitPodReady(ctx, name)
	}
	return pods
}

var _ = Describe("traffic to a Service", func() {
	f := New()

	f.It("services/kubernetes", func(ctx SpecContext) {
		caller := f.NewCaller(ctx, "caller")
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes", Namespace: "default"}}
		f.Get(ctx, service)
		Expect(service.Spec.Ports).To(ContainElement(And(HaveField("Name", "https"), HaveField("Port", BeEquivalentTo(443)))))
		f.WaitUntil(ctx, "the Service leads to an API server", NetworkTimeout, func(ctx context.Context) (bool, string) {
			// Anybody may ask /version; a server that knows nobody answers 401 or 403, and is an API server too.
			out, err := f.TryExec(ctx, caller.Pod.Name, "main", nil, "/tool", "get", "https://"+service.Spec.ClusterIP+"/version")
			if err != nil {
				return false, err.Error()
			}
			answer := out.Stdout + out.Stderr
			return slices.ContainsFunc([]string{"gitVersion", `"kind": "Status"`, `"kind":"Status"`}, func(s string) bool { return strings.Contains(answer, s) }), answer
		})
	})

	f.It("services/reaches-all-ready-pods", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service, Server("stranger"))
		servers(ctx, f, "a", "b", "c")
		f.WaitPodReady(ctx, "stranger")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a", "b", "c")
		answers := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 100)
		Expect(answers.Errors).To(BeEmpty())
		Expect(answers.Distinct()).To(Equal([]string{"a", "b", "c"}))
	})

	f.It("services/spreads-evenly", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		servers(ctx, f, "a", "b", "c")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a", "b", "c")
		count := map[string]int{}
		for _, name := range caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 300).Responses {
			count[name]++
		}
		// Of 300 fair throws each gets 100 ± 8.2; six times that is never seen by chance.
		for _, name := range []string{"a", "b", "c"} {
			Expect(count[name]).To(BeNumerically("~", 100, 50), "connections to %s, of %v", name, count)
		}
	})

	f.It("services/follows-pods", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		pods := servers(ctx, f, "a")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a")
		servers(ctx, f, "b")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a", "b")
		f.Delete(ctx, pods[0])
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "b")
		f.Patch(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "b"}}, `{"metadata":{"labels":{"app":"away"}}}`)
		caller.WaitRefused(ctx, service.Spec.ClusterIP, 80)
		f.Edit(ctx, service, func() { service.Spec.Selector = map[string]string{"app": "away"} })
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "b")
	})

	f.It("services/udp", func(ctx SpecContext) {
		service := Service("web")
		service.Spec.Ports = []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt(5353)}}
		f.Create(ctx, service)
		for _, name := range []string{"a", "b"} {
			pod := Server(name, "--udp-port", "5353")
			pod.Labels["app"] = "web"
			f.Create(ctx, pod)
		}
		f.WaitPodReady(ctx, "a")
		f.WaitPodReady(ctx, "b")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitUDPAnswers(ctx, service.Spec.ClusterIP, 53, "hostname", "a", "b")
	})

	f.It("services/session-affinity", func(ctx SpecContext) {
		service := Service("web")
		service.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		f.Create(ctx, service)
		Expect(service.Spec.SessionAffinityConfig.ClientIP.TimeoutSeconds).To(HaveValue(BeEquivalentTo(10800)))
		servers(ctx, f, "a", "b", "c")
		caller := f.NewCaller(ctx, "caller")
		// Until the rules of all three are there, the client may still be sent to another.
		pod := caller.WaitSame(ctx, service.Spec.ClusterIP, 80, "/hostname")
		f.Stays(ctx, "connections reach that pod", Quiet, func(ctx context.Context) (bool, string) {
			answers := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 20)
			return slices.Equal(answers.Distinct(), []string{pod}) && len(answers.Errors) == 0, answers.String()
		})
		f.Edit(ctx, service, func() {
			service.Spec.SessionAffinity, service.Spec.SessionAffinityConfig = corev1.ServiceAffinityNone, nil
		})
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a", "b", "c")
	})

	f.It("services/hairpin", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		caller := f.CallerOf(servers(ctx, f, "a")[0])
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a")
	})

	f.It("services/keeps-client-address", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		servers(ctx, f, "a")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/clientip", caller.Pod.Status.PodIP)
	})

	f.It("services/same-on-every-node", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		nodes := f.Nodes(ctx)[:2]
		var names []string
		for i, node := range nodes {
			pod := Server(fmt.Sprintf("server-%d", i))
			pod.Labels["app"], pod.Spec.NodeName = "web", node.Name
			f.Create(ctx, pod)
			names = append(names, pod.Name)
		}
		for _, name := range names {
			f.WaitPodReady(ctx, name)
		}
		for i, node := range nodes {
			caller := f.NewCaller(ctx, fmt.Sprintf("caller-%d", i), node.Name)
			caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", names...)
		}
	})
})
