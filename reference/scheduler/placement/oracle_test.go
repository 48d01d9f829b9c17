package placement

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/resource"
)

// oracle answers the same questions as Schedule in the plainest way: from the API objects, anew
// each time, with nothing kept.
type oracle struct {
	nodes  []*corev1.Node
	placed map[string][]*corev1.Pod
	// service is the selector of the one Service that there may be.
	service map[string]string
}

func (o *oracle) feasible(pod *corev1.Pod) map[string]bool {
	out := map[string]bool{}
	for _, n := range o.nodes {
		if o.tolerates(pod, n) && o.matches(pod, n) && o.portsFree(pod, n) && o.hasRoom(pod, n) {
			out[n.Name] = true
		}
	}
	return out
}

func (o *oracle) tolerates(pod *corev1.Pod, n *corev1.Node) bool {
	taints := n.Spec.Taints
	if n.Spec.Unschedulable {
		taints = append([]corev1.Taint{{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}}, taints...)
	}
	for _, t := range taints {
		if t.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(pod, t) {
			return false
		}
	}
	return true
}

// tolerated covers the tolerations that the property test draws: a key, all effects.
func tolerated(pod *corev1.Pod, t corev1.Taint) bool {
	for _, tol := range pod.Spec.Tolerations {
		if tol.Key == t.Key {
			return true
		}
	}
	return false
}

func (o *oracle) matches(pod *corev1.Pod, n *corev1.Node) bool {
	for k, v := range pod.Spec.NodeSelector {
		if n.Labels[k] != v {
			return false
		}
	}
	return true
}

func (o *oracle) portsFree(pod *corev1.Pod, n *corev1.Node) bool {
	for _, other := range o.placed[n.Name] {
		for _, a := range pod.Spec.Containers[0].Ports {
			for _, b := range other.Spec.Containers[0].Ports {
				if a.HostPort == b.HostPort {
					return false
				}
			}
		}
	}
	return true
}

func (o *oracle) hasRoom(pod *corev1.Pod, n *corev1.Node) bool {
	if int64(len(o.placed[n.Name])) >= n.Status.Allocatable.Pods().Value() {
		return false
	}
	for name, want := range resource.PodRequests(pod, resource.PodResourcesOptions{}) {
		have := n.Status.Allocatable[name].DeepCopy()
		for _, other := range o.placed[n.Name] {
			used := resource.PodRequests(other, resource.PodResourcesOptions{})[name]
			have.Sub(used)
		}
		if !want.IsZero() && want.Cmp(have) > 0 {
			return false
		}
	}
	return true
}

// score is what a node gets among the feasible ones.
func (o *oracle) score(pod *corev1.Pod, name string, feasible map[string]bool) int64 {
	total := 3*o.relative(feasible, name, true, func(n *corev1.Node) float64 {
		count := 0.0
		for _, t := range n.Spec.Taints {
			if t.Effect == corev1.TaintEffectPreferNoSchedule && !tolerated(pod, t) {
				count++
			}
		}
		return count
	}) + o.free(pod, name) + o.balance(pod, name)
	if a := pod.Spec.Affinity; a != nil {
		total += 2 * o.relative(feasible, name, false, func(n *corev1.Node) float64 {
			sum := 0.0
			for _, t := range a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
				if e := t.Preference.MatchExpressions[0]; n.Labels[e.Key] == e.Values[0] {
					sum += float64(t.Weight)
				}
			}
			return sum
		})
	}
	if o.service != nil && labels.SelectorFromSet(o.service).Matches(labels.Set(pod.Labels)) {
		total += 2 * o.spreading(pod, name, feasible)
	}
	return total
}

func (o *oracle) node(name string) *corev1.Node {
	for _, n := range o.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// relative scales a count to the greatest among the feasible nodes.
func (o *oracle) relative(feasible map[string]bool, name string, reverse bool, count func(*corev1.Node) float64) int64 {
	most := 0.0
	for f := range feasible {
		most = max(most, count(o.node(f)))
	}
	score := 0.0
	if most > 0 {
		score = math.Floor(100 * count(o.node(name)) / most)
	}
	if reverse {
		score = 100 - score
	}
	return int64(score)
}

// sums are CPU and memory on a node with the pod, as requested or with values assumed for what
// is not.
func (o *oracle) sums(pod *corev1.Pod, name string, assume bool) (cpu, memory float64) {
	for _, p := range append([]*corev1.Pod{pod}, o.placed[name]...) {
		r := p.Spec.Containers[0].Resources.Requests
		c, m := float64(r.Cpu().MilliValue()), float64(r.Memory().Value())
		if _, set := r["cpu"]; !set && assume {
			c = 100
		}
		if _, set := r["memory"]; !set && assume {
			m = 200 << 20
		}
		cpu, memory = cpu+c, memory+m
	}
	return cpu, memory
}

func (o *oracle) free(pod *corev1.Pod, name string) int64 {
	cpu, memory := o.sums(pod, name, true)
	part := func(used, of float64) float64 { return math.Floor(max(of-used, 0) * 100 / of) }
	a := o.node(name).Status.Allocatable
	return int64(math.Floor((part(cpu, float64(a.Cpu().MilliValue())) + part(memory, float64(a.Memory().Value()))) / 2))
}

func (o *oracle) balance(pod *corev1.Pod, name string) int64 {
	r := pod.Spec.Containers[0].Resources.Requests
	if r.Cpu().IsZero() && r.Memory().IsZero() {
		return 0
	}
	cpu, memory := o.sums(pod, name, false)
	a := o.node(name).Status.Allocatable
	x, y := min(cpu/float64(a.Cpu().MilliValue()), 1), min(memory/float64(a.Memory().Value()), 1)
	return int64((1 - math.Abs(x-y)/2) * 100)
}

func (o *oracle) spreading(pod *corev1.Pod, name string, feasible map[string]bool) int64 {
	count := func(node string) (n float64) {
		for _, p := range o.placed[node] {
			if labels.SelectorFromSet(o.service).Matches(labels.Set(p.Labels)) {
				n++
			}
		}
		return n
	}
	zone := func(node string) string { return o.node(node).Labels[corev1.LabelTopologyZone] }
	zones := map[string]bool{}
	for f := range feasible {
		if zone(f) != "" {
			zones[zone(f)] = true
		}
	}
	load := func(node string) float64 {
		sum := count(node)*math.Log(float64(len(feasible)+2)) + 4
		if z := zone(node); z != "" {
			inZone := 0.0
			for _, n := range o.nodes {
				if zone(n.Name) == z && o.matches(pod, n) {
					inZone += count(n.Name)
				}
			}
			sum += inZone*math.Log(float64(len(zones)+2)) + 2
		}
		return math.Round(sum)
	}
	least, most := math.Inf(1), 0.0
	for f := range feasible {
		least, most = min(least, load(f)), max(most, load(f))
	}
	return int64(math.Floor(100 * (most + least - load(name)) / most))
}
