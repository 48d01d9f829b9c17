package placement

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

func drawNode(t *rapid.T, name string) *corev1.Node {
	n := aNode(name)
	n.Status.Allocatable = list(map[corev1.ResourceName]string{
		"cpu":    fmt.Sprint(rapid.IntRange(1, 8).Draw(t, "cpu")),
		"memory": fmt.Sprintf("%dGi", rapid.IntRange(1, 8).Draw(t, "memory")),
		"pods":   fmt.Sprint(rapid.IntRange(1, 6).Draw(t, "pods")),
	})
	if rapid.Bool().Draw(t, "gpu") {
		offering("example.com/gpu", "2")(n)
	}
	n.Labels["disk"] = rapid.SampledFrom([]string{"ssd", "hdd"}).Draw(t, "disk")
	if zone := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "zone"); zone != "" {
		n.Labels[corev1.LabelTopologyZone] = zone
	}
	effect := rapid.SampledFrom([]corev1.TaintEffect{"", corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule})
	for _, key := range []string{"k", "l"} {
		if e := effect.Draw(t, "taint"); e != "" {
			tainted(key, e)(n)
		}
	}
	n.Spec.Unschedulable = rapid.IntRange(0, 5).Draw(t, "cordoned") == 0
	return n
}

func drawPod(t *rapid.T, name string) *corev1.Pod {
	requests := map[corev1.ResourceName]string{}
	if n := rapid.IntRange(0, 3000).Draw(t, "cpu"); n > 0 {
		requests["cpu"] = fmt.Sprintf("%dm", n)
	}
	if n := rapid.IntRange(0, 3000).Draw(t, "memory"); n > 0 {
		requests["memory"] = fmt.Sprintf("%dMi", n)
	}
	if rapid.IntRange(0, 4).Draw(t, "gpu") == 0 {
		requests["example.com/gpu"] = "1"
	}
	p := aPod(name, requesting(requests))
	p.Labels = map[string]string{"app": rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app")}
	if rapid.IntRange(0, 3).Draw(t, "port") == 0 {
		hostPortOf(80, "", "")(p)
	}
	for _, key := range []string{"k", "l"} {
		if rapid.Bool().Draw(t, "tolerates") {
			tolerating(key)(p)
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "affinity") {
	case 0:
		selecting("disk", "ssd")(p)
	case 1:
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
				Weight: int32(rapid.IntRange(1, 100).Draw(t, "weight")),
				Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: "disk", Operator: corev1.NodeSelectorOpIn, Values: []string{"ssd"}},
				}},
			}},
		}}
	}
	return p
}

// Pod after pod is placed as the plain reading of the rules would place it, each seeing the ones
// before; whatever is placed, no node is overcommitted; and the same seed gives the same answers.
func TestScheduleAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &oracle{placed: map[string][]*corev1.Pod{}}
		for i := range rapid.IntRange(1, 6).Draw(t, "nodes") {
			o.nodes = append(o.nodes, drawNode(t, fmt.Sprintf("node-%d", i)))
		}
		s, twin := cluster(o.nodes, nil), cluster(o.nodes, nil)
		if rapid.Bool().Draw(t, "service") {
			o.service = map[string]string{"app": "web"}
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: corev1.ServiceSpec{Selector: o.service}}
			s.SetService(svc)
			twin.SetService(svc)
		}
		ties, twinTies := seed(7), seed(7)
		for i := range rapid.IntRange(1, 12).Draw(t, "pods") {
			pod := drawPod(t, fmt.Sprintf("pod-%d", i))
			got, err := Schedule(s, NewPod(pod), ties)
			if again, _ := Schedule(twin, NewPod(pod), twinTies); again != got {
				t.Fatalf("%s: %q, and with the same seed %q", pod.Name, got, again)
			}
			feasible := o.feasible(pod)
			if (err == nil) != (len(feasible) > 0) || err == nil && !feasible[got] {
				t.Fatalf("%s: got %q (%v), feasible are %v", pod.Name, got, err, feasible)
			}
			if err != nil {
				continue
			}
			for other := range feasible {
				if a, b := o.score(pod, got, feasible), o.score(pod, other, feasible); a < b {
					t.Fatalf("%s went to %s with score %d, %s has %d", pod.Name, got, a, other, b)
				}
			}
			o.placed[got] = append(o.placed[got], pod)
			s.Place(NewPod(pod), got)
			twin.Place(NewPod(pod), got)
		}
		for _, n := range s.Nodes() {
			if n.Requested().MilliCPU > n.Allocatable().MilliCPU || n.Requested().Memory > n.Allocatable().Memory || int64(n.Pods()) > n.AllowedPods() {
				t.Fatalf("%s is overcommitted: %+v of %+v", n.Name, n.Requested(), n.Allocatable())
			}
		}
	})
}

// A snapshot kept up to date change by change is the same as one made from what is left.
func TestSnapshotIsIncremental(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSnapshot()
		nodes, pods, at := map[string]*corev1.Node{}, map[string]*corev1.Pod{}, map[string]string{}
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			node := fmt.Sprintf("node-%d", rapid.IntRange(0, 2).Draw(t, "node"))
			pod := fmt.Sprintf("pod-%d", rapid.IntRange(0, 5).Draw(t, "pod"))
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				nodes[node] = drawNode(t, node)
				s.SetNode(nodes[node])
			case 1:
				delete(nodes, node)
				s.RemoveNode(node)
			case 2:
				pods[pod], at[pod] = drawPod(t, pod), node
				s.Place(NewPod(pods[pod]), node)
			case 3:
				s.Remove(aPod(pod).UID)
				delete(pods, pod)
			}
		}
		fresh := NewSnapshot()
		for _, n := range nodes {
			fresh.SetNode(n)
		}
		for name, p := range pods {
			fresh.Place(NewPod(p), at[name])
		}
		if a, b := describe(s), describe(fresh); !slices.Equal(a, b) {
			t.Fatalf("incremental: %q\nfresh:       %q", a, b)
		}
	})
}

func describe(s *Snapshot) (out []string) {
	for _, n := range s.Nodes() {
		out = append(out, fmt.Sprint(n.Name, n.allocatable, n.allowedPods, n.requested.MilliCPU, n.requested.Memory,
			n.requested.scalarNames(), n.usage, len(n.pods), n.ports))
	}
	return append(out, fmt.Sprint(len(s.nodes), len(s.placed), s.groups.pods["default"].describe()))
}

// describe tells everything that is counted, in order.
func (t *tally) describe() (out []string) {
	if t == nil {
		return nil
	}
	for key, k := range t.kinds {
		for n, pods := range k.nodes {
			out = append(out, fmt.Sprint(key, " on ", n.Name, ": ", pods))
		}
	}
	for l, of := range t.with {
		out = append(out, fmt.Sprint(l, " in ", len(of)))
	}
	slices.Sort(out)
	return out
}

// Waking a pod because of one node is right exactly when it could now be scheduled there.
func TestFitsIsWhatScheduleAsks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := cluster([]*corev1.Node{drawNode(t, "n")}, nil)
		for i := range rapid.IntRange(0, 4).Draw(t, "placed") {
			s.Place(NewPod(drawPod(t, fmt.Sprintf("q-%d", i))), "n")
		}
		pod := NewPod(drawPod(t, "p"))
		_, err := Schedule(s, pod, seed(1))
		if fits := Fits(pod, s.Node("n")); fits != (err == nil) {
			t.Fatalf("fits = %v, schedule says %v", fits, err)
		}
	})
}
