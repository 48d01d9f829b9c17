package pods

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// field describes a variable that takes a field of the pod.
func field(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

// amount describes a variable that takes a resource of a container ("" for the variable's own).
func amount(name, container, what, divisor string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{
		ContainerName: container, Resource: what, Divisor: resource.MustParse(divisor)}}}
}

// variables reads the output of `tool env`.
func variables(output string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(output) {
		if name, value, isVariable := strings.Cut(strings.TrimSuffix(line, "\n"), "="); isVariable {
			all[name] = value
		}
	}
	return all
}

var _ = Describe("commands and environment", func() {
	f := New()

	f.It("pods/command-and-args", func(ctx SpecContext) {
		args, command, both := Once("args", "echo", "by", "args"), Once("command"), Once("both", "by", "both")
		command.Spec.Containers[0].Command = []string{"/tool", "echo", "by command"}
		both.Spec.Containers[0].Command = []string{"/tool", "echo"}
		f.Create(ctx, args, command, both)
		for name, text := range map[string]string{"args": "by args\n", "command": "by command\n", "both": "by both\n"} {
			f.WaitPodSucceeded(ctx, name)
			Expect(f.Logs(ctx, name, corev1.PodLogOptions{})).To(Equal(text))
		}
	})

	f.It("pods/environment", func(ctx SpecContext) {
		pod := Once("vars", "sh", "echo '$(GREETING) $$(GREETING) $(UNKNOWN)'; env")
		pod.Spec.Containers[0].Env = []corev1.EnvVar{
			{Name: "NAME", Value: "world"}, {Name: "GREETING", Value: "hello $(NAME)"}, {Name: "ESCAPED", Value: "$$(NAME)"},
			{Name: "LATER", Value: "$(LAST)"}, {Name: "LAST", Value: "last"}, {Name: "EMPTY"}, {Name: "SPACES", Value: "  two  words "},
		}
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "vars")
		log := f.Logs(ctx, "vars", corev1.PodLogOptions{})
		Expect(log).To(HavePrefix("hello world $(GREETING) $(UNKNOWN)\n"), "variables in args")
		got := variables(log)
		for name, value := range map[string]string{
			"NAME": "world", "GREETING": "hello world", "ESCAPED": "$(NAME)", "LATER": "$(LAST)", "LAST": "last", "EMPTY": "", "SPACES": "  two  words ",
		} {
			Expect(got).To(HaveKeyWithValue(name, value))
		}
	})

	f.It("pods/environment-from-fields", func(ctx SpecContext) {
		pod := Once("vars", "env")
		pod.Labels = map[string]string{"color": "red"}
		pod.Annotations = map[string]string{"example.com/note": "some text"}
		main := &pod.Spec.Containers[0]
		main.Resources = corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
		}
		main.Env = []corev1.EnvVar{
			field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"), field("POD_UID", "metadata.uid"),
			field("COLOR", "metadata.labels['color']"), field("NOTE", "metadata.annotations['example.com/note']"),
			field("POD_IP", "status.podIP"), field("HOST_IP", "status.hostIP"), field("NODE", "spec.nodeName"), field("ACCOUNT", "spec.serviceAccountName"),
			amount("CPU_LIMIT", "", "limits.cpu", "1"), amount("CPU_REQUEST", "", "requests.cpu", "1m"),
			amount("MEMORY_LIMIT", "main", "limits.memory", "1Mi"), amount("MEMORY_REQUEST", "main", "requests.memory", "1"),
		}
		watched := f.WatchPod(ctx, "vars")
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "vars")
		addressed := watched.MustReach(ctx, "it has its addresses", one(func(p *corev1.Pod) bool { return p.Status.PodIP != "" && p.Status.HostIP != "" }))[0]
		got := variables(f.Logs(ctx, "vars", corev1.PodLogOptions{}))
		for name, value := range map[string]string{
			"POD_NAME": "vars", "POD_NAMESPACE": f.Namespace, "POD_UID": string(pod.UID), "COLOR": "red", "NOTE": "some text",
			"POD_IP": addressed.Status.PodIP, "HOST_IP": addressed.Status.HostIP, "NODE": addressed.Spec.NodeName, "ACCOUNT": "default",
			"CPU_LIMIT": "2", "CPU_REQUEST": "10", "MEMORY_LIMIT": "64", "MEMORY_REQUEST": "33554432",
		} {
			Expect(got).To(HaveKeyWithValue(name, value))
		}
	})
})
