package placement

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestFilters(t *testing.T) {
	cordoned := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	sidecar := func(cpu string) corev1.Container {
		return corev1.Container{RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways),
			Resources: corev1.ResourceRequirements{Requests: list(map[corev1.ResourceName]string{"cpu": cpu})}}
	}
	initial := func(cpu string) corev1.Container {
		return corev1.Container{Resources: corev1.ResourceRequirements{Requests: list(map[corev1.ResourceName]string{"cpu": cpu})}}
	}
	inits := func(cs ...corev1.Container) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.InitContainers = cs }
	}
	cpu := func(v string) func(*corev1.Pod) { return requesting(map[corev1.ResourceName]string{"cpu": v}) }
	for name, c := range map[string]struct {
		node   *corev1.Node // offers 4 CPU
		placed []*corev1.Pod
		pod    *corev1.Pod
		want   bool
	}{
		"plain":                      {pod: aPod("p"), want: true},
		"cordoned":                   {node: aNode("n", cordoned), pod: aPod("p")},
		"cordoned, tolerated":        {node: aNode("n", cordoned), pod: aPod("p", tolerating(corev1.TaintNodeUnschedulable)), want: true},
		"NoSchedule":                 {node: aNode("n", tainted("k", corev1.TaintEffectNoSchedule)), pod: aPod("p")},
		"NoExecute":                  {node: aNode("n", tainted("k", corev1.TaintEffectNoExecute)), pod: aPod("p")},
		"PreferNoSchedule":           {node: aNode("n", tainted("k", corev1.TaintEffectPreferNoSchedule)), pod: aPod("p"), want: true},
		"one of two taints":          {node: aNode("n", tainted("k", corev1.TaintEffectNoSchedule), tainted("l", corev1.TaintEffectNoSchedule)), pod: aPod("p", tolerating("k"))},
		"selector":                   {node: aNode("n", labelled("disk", "ssd")), pod: aPod("p", selecting("disk", "ssd")), want: true},
		"selector, no label":         {pod: aPod("p", selecting("disk", "ssd"))},
		"pinned here":                {pod: aPod("p", pinned("x", "n")), want: true},
		"pinned elsewhere":           {pod: aPod("p", pinned("x"))},
		"exactly full":               {placed: []*corev1.Pod{aPod("q", cpu("3"))}, pod: aPod("p", cpu("1")), want: true},
		"overfull":                   {placed: []*corev1.Pod{aPod("q", cpu("3"))}, pod: aPod("p", cpu("1001m"))},
		"nothing asked on overfull":  {placed: []*corev1.Pod{aPod("q", cpu("5"))}, pod: aPod("p"), want: true},
		"init containers by maximum": {pod: aPod("p", cpu("1"), inits(initial("4"), initial("3"))), want: true},
		"init container too large":   {pod: aPod("p", cpu("1"), inits(initial("4100m")))},
		"sidecars add up":            {pod: aPod("p", cpu("2"), inits(sidecar("1"), sidecar("1100m")))},
		"init beside sidecar":        {pod: aPod("p", inits(sidecar("1"), initial("3500m")))},
		"init before sidecar":        {pod: aPod("p", inits(initial("3500m"), sidecar("1"))), want: true},
		"overhead": {pod: aPod("p", cpu("4"), func(p *corev1.Pod) {
			p.Spec.Overhead = list(map[corev1.ResourceName]string{"cpu": "100m"})
		})},
		"pod-level request replaces the sum": {pod: aPod("p", cpu("1"), func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: list(map[corev1.ResourceName]string{"cpu": "5"})}
		})},
		"resize in flight counts in full": {placed: []*corev1.Pod{aPod("q", cpu("1"), func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", AllocatedResources: list(map[corev1.ResourceName]string{"cpu": "3"})}}
		})}, pod: aPod("p", cpu("2"))},
		"ephemeral storage":         {pod: aPod("p", requesting(map[corev1.ResourceName]string{"ephemeral-storage": "101Gi"}))},
		"unknown extended resource": {pod: aPod("p", requesting(map[corev1.ResourceName]string{"example.com/x": "1"}))},
		"same port":                 {placed: []*corev1.Pod{aPod("q", hostPortOf(80, "", ""))}, pod: aPod("p", hostPortOf(80, "", "TCP"))},
		"same port, other protocol": {placed: []*corev1.Pod{aPod("q", hostPortOf(80, "", ""))}, pod: aPod("p", hostPortOf(80, "", "UDP")), want: true},
		"same port, other address":  {placed: []*corev1.Pod{aPod("q", hostPortOf(80, "10.0.0.1", ""))}, pod: aPod("p", hostPortOf(80, "10.0.0.2", "")), want: true},
		"same port, one on all":     {placed: []*corev1.Pod{aPod("q", hostPortOf(80, "10.0.0.1", ""))}, pod: aPod("p", hostPortOf(80, "", ""))},
	} {
		t.Run(name, func(t *testing.T) {
			node := c.node
			if node == nil {
				node = aNode("n")
			}
			s := cluster([]*corev1.Node{node}, map[string][]*corev1.Pod{"n": c.placed})
			if got := Fits(NewPod(c.pod), s.Node("n")); got != c.want {
				t.Errorf("fits = %v, want %v", got, c.want)
			}
		})
	}
}
