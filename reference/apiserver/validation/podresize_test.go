package validation_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func amounts(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

func TestPodResize(t *testing.T) {
	const burstable = `
metadata: {name: web, namespace: default}
spec:
  initContainers:
  - {name: init, image: i, resources: {requests: {cpu: 100m}}}
  - {name: side, image: i, restartPolicy: Always, resources: {requests: {cpu: 100m}}}
  containers: [{name: c, image: i, resources: {requests: {cpu: 100m, memory: 10Mi}, limits: {cpu: 200m, memory: 20Mi}}}]
status: {qosClass: Burstable}
`
	updates(t, burstable, validation.PodResizeUpdate, []row[corev1.Pod]{
		{"more", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits = amounts("2", "1Gi") }, ``},
		{"less", func(p *corev1.Pod) {
			r := &p.Spec.Containers[0].Resources
			r.Requests, r.Limits = amounts("10m", "1Mi"), amounts("100m", "10Mi")
		}, ``},
		{"a limit where none was", func(p *corev1.Pod) {
			p.Spec.InitContainers[1].Resources.Limits = amounts("1", "1Gi")
		}, ``},
		{"sidecar", func(p *corev1.Pod) { p.Spec.InitContainers[1].Resources.Requests["cpu"] = resource.MustParse("1") }, ``},
		{"init container", func(p *corev1.Pod) { p.Spec.InitContainers[0].Resources.Requests["cpu"] = resource.MustParse("1") },
			"spec: Forbidden: only cpu and memory resources are mutable\n…"},
		{"image", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "j" }, "spec: Forbidden: only cpu and memory resources are mutable\n…"},
		{"other resource", func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Limits["ephemeral-storage"] = resource.MustParse("1Gi")
		},
			"spec: Forbidden: only cpu and memory resources are mutable\n…"},
		{"no limits", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits = nil },
			`spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed`},
		{"no cpu request", func(p *corev1.Pod) { delete(p.Spec.Containers[0].Resources.Requests, "cpu") },
			`spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed`},
		{"over limit", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = amounts("1", "10Mi") },
			`spec.containers[0].resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 200m`},
		{"container", func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, *p.Spec.Containers[0].DeepCopy()) },
			`[spec.containers[1].name: Duplicate value: "c", spec.containers: Forbidden: pod updates may not add or remove containers]`},
	})
	const guaranteed = `
metadata: {name: web, namespace: default}
spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}}]}
status: {qosClass: Guaranteed}
`
	updates(t, guaranteed, validation.PodResizeUpdate, []row[corev1.Pod]{
		{"both", func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: amounts("2", "2Gi"), Limits: amounts("2", "2Gi")}
		}, ``},
		{"limits alone", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits = amounts("2", "2Gi") },
			`spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing`},
	})
	for manifest, want := range map[string]string{
		`{metadata: {name: web, namespace: default, annotations: {kubernetes.io/config.mirror: x}}, spec: {nodeName: n, containers: [{name: c, image: i}]}}`: `[]: Forbidden: static pods cannot be resized`,
		`{metadata: {name: web, namespace: default}, spec: {os: {name: windows}, containers: [{name: c, image: i}]}}`:                                        `[]: Forbidden: windows pods cannot be resized`,
	} {
		p := read[corev1.Pod](t, manifest)
		p.ResourceVersion = "1"
		expect(t, validation.PodResizeUpdate(p, p.DeepCopy()), want)
	}
}
