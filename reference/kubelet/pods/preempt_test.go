package pods

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

const criticalPriority = 2_000_000_000

// asking is a pod of a class that requests CPU and memory.
func asking(name string, class v1.PodQOSClass, cpu, memory string) *v1.Pod {
	p := prioritized(name, 0)
	p.Status.QOSClass = class
	p.Spec.Containers[0].Resources.Requests = v1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	return p
}

func named(pods []*v1.Pod) string {
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestVictims(t *testing.T) {
	const b, u, g = v1.PodQOSBestEffort, v1.PodQOSBurstable, v1.PodQOSGuaranteed
	cpu := func(n int64) []need { return []need{{"cpu", n}} }
	for _, c := range []struct {
		name    string
		lacking []need
		others  []*v1.Pod
		want    string
	}{
		{"nothing is lacking", nil, []*v1.Pod{asking("a", u, "1", "0")}, ""},
		{"the one that suffices, not two", cpu(1000), []*v1.Pod{asking("a", u, "500m", "0"), asking("b", u, "1", "0"), asking("c", u, "500m", "0")}, "b"},
		{"the smaller of two that suffice", cpu(1000), []*v1.Pod{asking("a", u, "2", "1Gi"), asking("b", u, "2", "1Mi")}, "b"},
		{"as many as it takes", cpu(1000), []*v1.Pod{asking("a", u, "400m", "0"), asking("b", u, "500m", "0"), asking("c", u, "300m", "0")}, "a b c"},
		{"no Guaranteed pod where others suffice", cpu(1000), []*v1.Pod{asking("a", g, "1", "0"), asking("b", u, "500m", "0"), asking("c", u, "500m", "0")}, "b c"},
		{"a Guaranteed pod, and what Burstable pods it takes then", cpu(1000), []*v1.Pod{asking("a", g, "900m", "0"), asking("b", u, "100m", "0"), asking("c", u, "200m", "0")}, "a b"},
		{"a BestEffort pod for its place", []need{{"pods", 1}}, []*v1.Pod{asking("a", u, "1", "1Gi"), asking("b", b, "0", "0")}, "b"},
		{"of two resources", []need{{"cpu", 500}, {"memory", 1 << 20}}, []*v1.Pod{asking("a", u, "1", "0"), asking("b", u, "0", "1Gi"), asking("c", u, "500m", "1Mi")}, "c"},
		{"there is not enough", cpu(1000), []*v1.Pod{asking("a", u, "400m", "0"), asking("b", g, "500m", "0")},
			"no set of running pods found to reclaim resources: [(res: cpu, q: 100), ]"},
		{"critical pods stay", cpu(1000), []*v1.Pod{prioritized("a", criticalPriority+1)},
			"no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]"},
	} {
		chosen, err := victims(prioritized("critical", criticalPriority), c.lacking, c.others)
		got := named(chosen)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// Whatever the pods: those chosen suffice, are of lower priority, and none of them could have been spared.
func TestVictimsSufficeAndAreNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var others []*v1.Pod
		for i := range rapid.IntRange(0, 8).Draw(t, "pods") {
			class := rapid.SampledFrom([]v1.PodQOSClass{v1.PodQOSBestEffort, v1.PodQOSBurstable, v1.PodQOSGuaranteed}).Draw(t, "class")
			p := asking(string(rune('a'+i)), class, "0", "0")
			p.Spec.Containers[0].Resources.Requests["cpu"] = *resource.NewMilliQuantity(rapid.Int64Range(0, 10).Draw(t, "cpu")*100, resource.DecimalSI)
			p.Spec.Priority = ptr.To(rapid.SampledFrom([]int32{0, criticalPriority}).Draw(t, "priority"))
			others = append(others, p)
		}
		lacking := []need{{"cpu", rapid.Int64Range(1, 3000).Draw(t, "lacking")}}
		chosen, err := victims(prioritized("critical", criticalPriority), lacking, others)
		if err != nil {
			if left := without(lacking, slices.DeleteFunc(others, func(p *v1.Pod) bool { return *p.Spec.Priority != 0 })); len(left) == 0 {
				t.Fatalf("refused although there is enough: %v", err)
			}
			return
		}
		if left := without(lacking, chosen); len(left) > 0 {
			t.Fatalf("%v is lacking yet", left)
		}
		for _, p := range chosen {
			if *p.Spec.Priority != 0 {
				t.Fatalf("the critical pod %s is to end", p.Name)
			}
			if given(p, "cpu") == 0 {
				t.Fatalf("pod %s is to end and gives nothing back", p.Name)
			}
		}
	})
}

func TestACriticalPodMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: v1.NodeStatus{Allocatable: v1.ResourceList{
			v1.ResourcePods: resource.MustParse("110"), v1.ResourceCPU: resource.MustParse("1")}}}
		small, large := prioritized("small", 0), prioritized("large", 5)
		small.Spec.Containers[0].Resources.Requests = v1.ResourceList{"cpu": resource.MustParse("300m")}
		large.Spec.Containers[0].Resources.Requests = v1.ResourceList{"cpu": resource.MustParse("700m")}
		critical, hopeless := prioritized("critical", criticalPriority), prioritized("hopeless", criticalPriority)
		critical.Spec.Containers[0].Resources.Requests = v1.ResourceList{"cpu": resource.MustParse("600m")}
		hopeless.Spec.Containers[0].Resources.Requests = v1.ResourceList{"cpu": resource.MustParse("800m")}
		r := newRigOn(t, node, node, small, large)
		defer r.stop()
		r.cri.stubborn = true
		r.settle()
		for _, p := range []*v1.Pod{critical, hopeless} {
			if err := r.client.Tracker().Add(p); err != nil {
				t.Fatal(err)
			}
		}
		r.Update(critical)
		r.settle()
		if s := r.get("critical").Status; s.Phase != "" && s.Phase != v1.PodPending || s.StartTime != nil {
			t.Errorf("while the other pod ends: %+v", s)
		}
		if slices.Contains(r.cri.said(), "run sandbox of critical") {
			t.Error("the critical pod runs before there is room for it")
		}
		time.Sleep(30 * time.Second)
		r.settle()
		s := r.get("large").Status
		c := conditionOf(s, v1.DisruptionTarget)
		if s.Phase != v1.PodFailed || s.Reason != "Preempting" || s.Message != "Preempted in order to admit critical pod" ||
			c == nil || c.Reason != "TerminationByKubelet" || c.Message != "Pod was preempted by Kubelet to accommodate a critical pod." {
			t.Errorf("the pod that was to end: %+v", s)
		}
		for _, name := range []string{"critical", "small"} {
			if s := r.get(name).Status; s.Phase != v1.PodRunning {
				t.Errorf("%s: %+v", name, s)
			}
		}
		r.Update(hopeless)
		r.settle()
		if s := r.get("hopeless").Status; s.Phase != v1.PodFailed || s.Reason != "UnexpectedAdmissionError" || s.Message != "Pod was rejected: Unexpected error while attempting to "+
			"recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 400), ]" {
			t.Errorf("a critical pod for which there can be no room: %+v", s)
		}
		r.delete("critical", 1)
		r.settle()
	})
}

func TestAPodThatIsDeletedWhileItWaitsForRoomEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: v1.NodeStatus{Allocatable: v1.ResourceList{v1.ResourcePods: resource.MustParse("1")}}}
		first, critical := prioritized("first", 0), prioritized("critical", criticalPriority)
		r := newRigOn(t, node, node, first)
		defer r.stop()
		r.cri.stubborn = true
		r.settle()
		if err := r.client.Tracker().Add(critical); err != nil {
			t.Fatal(err)
		}
		r.Update(critical)
		r.settle()
		r.delete("critical", 1)
		r.settle()
		r.settle()
		r.mu.Lock()
		w := r.workers[types.UID("u-critical")]
		r.mu.Unlock()
		if w != nil && !r.rests(w.current().UID) {
			t.Errorf("it does not rest: %+v", r.get("critical").Status)
		}
		if slices.Contains(r.cri.said(), "run sandbox of critical") {
			t.Error("it ran")
		}
	})
}
