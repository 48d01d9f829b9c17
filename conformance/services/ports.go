package services

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// serverOn describes a pod app=web that serves on a port, which it names "http".
func serverOn(name, port string, number int32) *corev1.Pod {
	pod := Pod(name, "serve", "--port", port)
	pod.Labels["app"] = "web"
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: number}}
	return pod
}

var _ = Describe("ports of a Service", func() {
	f := New()

	f.It("services/target-port", func(ctx SpecContext) {
		service := Service("web")
		service.Spec.Ports = []corev1.ServicePort{{Port: 1234, TargetPort: intstr.FromInt(ServePort)}}
		f.Create(ctx, service)
		servers(ctx, f, "a")
		f.NewCaller(ctx, "caller").WaitAnswers(ctx, service.Spec.ClusterIP, 1234, "/hostname", "a")
	})

	f.It("services/named-target-port", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service, serverOn("a", "8080", 8080), serverOn("b", "9090", 9090))
		f.WaitPodReady(ctx, "a")
		f.WaitPodReady(ctx, "b")
		f.NewCaller(ctx, "caller").WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a", "b")
	})

	f.It("services/several-ports", func(ctx SpecContext) {
		service := Service("web")
		service.Spec.Ports = []corev1.ServicePort{
			{Name: "first", Port: 80, TargetPort: intstr.FromString("http")},
			{Name: "second", Port: 81, TargetPort: intstr.FromInt(9090)},
		}
		pod := serverOn("a", "8080", 8080)
		pod.Spec.Containers = append(pod.Spec.Containers, Container("second", "serve", "--port", "9090"))
		pod.Spec.Containers[1].Env = []corev1.EnvVar{{Name: "WHICH", Value: "second"}}
		f.Create(ctx, service, pod)
		f.WaitPodReady(ctx, "a")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 81, "/hostname", "a")
		first := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/env", 1).String()
		second := caller.HTTP(ctx, service.Spec.ClusterIP, 81, "/env", 1).String()
		Expect(strings.Contains(first, "WHICH=second")).To(BeFalse(), "port 80 leads to the first container")
		Expect(strings.Contains(second, "WHICH=second")).To(BeTrue(), "port 81 leads to the second container")
	})

	f.It("services/only-its-ports", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		servers(ctx, f, "a")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a")
		Expect(caller.HTTP(ctx, service.Spec.ClusterIP, ServePort, "/hostname", 2).Responses).To(BeEmpty(), "answers on a port that the Service does not have")
	})

	f.It("services/changed-ports", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		servers(ctx, f, "a")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a")
		f.Edit(ctx, service, func() { service.Spec.Ports[0].Port = 8000 })
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 8000, "/hostname", "a")
		caller.WaitRefused(ctx, service.Spec.ClusterIP, 80)
	})

	f.It("services/no-endpoints-refused", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		caller := f.NewCaller(ctx, "caller")
		// Before the node knows the Service, its address leads nowhere and attempts time out.
		f.WaitUntil(ctx, "a connection is refused", NetworkTimeout, func(ctx context.Context) (bool, string) {
			answers := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 1)
			return strings.Contains(strings.Join(answers.Errors, " "), "refused"), answers.String()
		})
		began := time.Now()
		answers := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 5)
		Expect(answers.Errors).To(HaveEach(ContainSubstring("refused")), "after %s", time.Since(began))
	})

	f.It("services/deleted-stops", func(ctx SpecContext) {
		service := Service("web")
		f.Create(ctx, service)
		servers(ctx, f, "of-the-deleted-service")
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "of-the-deleted-service")
		f.Delete(ctx, service)
		// Another Service may be given the address, and its pods then answer.
		f.WaitUntil(ctx, "the address no longer leads to the pod", NetworkTimeout, func(ctx context.Context) (bool, string) {
			answers := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 2)
			return !slices.Contains(answers.Responses, "of-the-deleted-service"), answers.String()
		})
	})
})
