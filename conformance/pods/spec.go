package pods

import (
	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the spec of a pod", func() {
	f := New()

	f.It("pods/immutable", func(ctx SpecContext) {
		pod := Idle()
		f.Create(ctx, pod)
		for what, change := range map[string]func(*corev1.PodSpec){
			"command":       func(s *corev1.PodSpec) { s.Containers[0].Command = []string{"/tool", "env"} },
			"args":          func(s *corev1.PodSpec) { s.Containers[0].Args = nil },
			"env":           func(s *corev1.PodSpec) { s.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}} },
			"restartPolicy": func(s *corev1.PodSpec) { s.RestartPolicy = corev1.RestartPolicyNever },
			"hostname":      func(s *corev1.PodSpec) { s.Hostname = "other" },
			"dnsPolicy":     func(s *corev1.PodSpec) { s.DNSPolicy = corev1.DNSDefault },
			"hostNetwork":   func(s *corev1.PodSpec) { s.HostNetwork = true },
		} {
			By("changing " + what)
			changed := pod.DeepCopy()
			MustBeInvalid(f.TryEdit(ctx, changed, func() { change(&changed.Spec) }), "spec", "pod updates may not change fields other than")
		}
		another := pod.DeepCopy()
		err := f.TryEdit(ctx, another, func() { another.Spec.Containers = append(another.Spec.Containers, Container("more", "sleep", "1h")) })
		MustBeInvalid(err, "spec.containers", "pod updates may not add or remove containers")

		f.Edit(ctx, pod, func() {
			pod.Spec.Containers[0].Image = "etalon.dev/other:v1"
			pod.Spec.ActiveDeadlineSeconds = ptr.To[int64](1000)
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "more", Operator: corev1.TolerationOpExists})
		})
		later := pod.DeepCopy()
		err = f.TryEdit(ctx, later, func() { later.Spec.ActiveDeadlineSeconds = ptr.To[int64](2000) })
		MustBeInvalid(err, "spec.activeDeadlineSeconds", "must be less than or equal to previous value")
	})

	f.It("pods/invalid", func(ctx SpecContext) {
		for field, spoil := range map[string]func(*corev1.Pod){
			"metadata.name":                             func(p *corev1.Pod) { p.Name = "Not_A_Name" },
			"spec.containers":                           func(p *corev1.Pod) { p.Spec.Containers = nil },
			"spec.containers[0].name":                   func(p *corev1.Pod) { p.Spec.Containers[0].Name = "Not_A_Label" },
			"spec.containers[1].name":                   func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, p.Spec.Containers[0]) },
			"spec.containers[0].image":                  func(p *corev1.Pod) { p.Spec.Containers[0].Image = "" },
			"spec.containers[0].ports[0].containerPort": func(p *corev1.Pod) { p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 70000}} },
			"spec.containers[0].env[0].name":            func(p *corev1.Pod) { p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: ""}} },
			"spec.containers[0].imagePullPolicy":        func(p *corev1.Pod) { p.Spec.Containers[0].ImagePullPolicy = "Sometimes" },
			"spec.containers[0].volumeMounts[0].name": func(p *corev1.Pod) {
				p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "none-such", MountPath: "/x"}}
			},
			"spec.containers[0].resources.requests": func(p *corev1.Pod) {
				p.Spec.Containers[0].Resources = corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")},
					Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
				}
			},
			"spec.restartPolicy":         func(p *corev1.Pod) { p.Spec.RestartPolicy = "Sometimes" },
			"spec.dnsPolicy":             func(p *corev1.Pod) { p.Spec.DNSPolicy = "Sometimes" },
			"spec.dnsConfig":             func(p *corev1.Pod) { p.Spec.DNSPolicy = corev1.DNSNone },
			"spec.hostname":              func(p *corev1.Pod) { p.Spec.Hostname = "not.a.label" },
			"spec.activeDeadlineSeconds": func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To[int64](0) },
			"spec.volumes[0].name":       func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "Not_A_Label"}} },
		} {
			pod := Idle()
			spoil(pod)
			By("field " + field)
			MustBeInvalid(f.TryCreate(ctx, pod), field)
		}
		// Every field at fault is named, not just the first.
		pod := Idle()
		pod.Spec.Containers[0].Name, pod.Spec.Hostname = "", "not.a.label"
		err := f.TryCreate(ctx, pod)
		MustBeInvalid(err, "spec.containers[0].name")
		MustBeInvalid(err, "spec.hostname")
	})
})
