package daemonset

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// model is a cluster with one set, in which anything may happen between two
// decisions.
type model struct {
	set      *appsv1.DaemonSet
	template int
	nodes    map[string]*corev1.Node
	pods     []*corev1.Pod
	made     int
	now      time.Time
}

func newModel(t *rapid.T) *model {
	m := &model{set: newSet(), nodes: map[string]*corev1.Node{}, now: t0}
	m.set.Spec.MinReadySeconds = rapid.SampledFrom([]int32{0, 10}).Draw(t, "minReadySeconds")
	m.strategy(t)
	for range rapid.IntRange(0, 6).Draw(t, "nodes") {
		m.addNode(t)
	}
	return m
}

func (m *model) strategy(t *rapid.T) {
	bound := rapid.SampledFrom([]string{"1", "2", "30%", "100%"}).Draw(t, "bound")
	switch rapid.SampledFrom([]string{"unavailable", "surge", "on delete"}).Draw(t, "strategy") {
	case "unavailable":
		rolling(m.set, bound, "0")
	case "surge":
		rolling(m.set, "0", bound)
	default:
		m.set.Spec.UpdateStrategy = appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType}
	}
}

func (m *model) addNode(t *rapid.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "node")}}
	m.nodes[node.Name] = node
}

func (m *model) view() *view {
	var nodes []*corev1.Node
	for _, node := range m.nodes {
		nodes = append(nodes, node)
	}
	return look(m.set, fmt.Sprint("v", m.template), nodes, m.pods, m.now)
}

// act carries out the next decision and checks it.
func (m *model) act(t *rapid.T) (d decision) {
	before := m.view()
	d = plan(before, never)
	for _, r := range d.remove {
		if r.pod.DeletionTimestamp != nil {
			t.Fatalf("%s is removed twice", r.pod.Name)
		}
		r.pod.DeletionTimestamp = &metav1.Time{Time: m.now}
	}
	for _, node := range d.create {
		m.made++
		template := templateFor(m.set, before.hash, node)
		m.pods = append(m.pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", m.made), UID: types.UID(fmt.Sprint(m.made)),
				Labels: template.Labels, CreationTimestamp: metav1.NewTime(m.now)},
			Spec: template.Spec, Status: corev1.PodStatus{Phase: corev1.PodPending},
		})
	}
	m.check(t, before, d)
	return d
}

// tally is how a set fares: how many nodes that should run a pod have none that
// is available and stays, and how many have a new one besides the old one.
type tally struct{ unserved, surging int }

func (m *model) tally(v *view) (n tally) {
	for _, s := range v.sites {
		if !s.run {
			continue
		}
		served, newPods, oldAvailable := false, false, false
		for _, pod := range s.pods {
			if pod.DeletionTimestamp != nil {
				continue
			}
			served = served || v.available(pod)
			newPods = newPods || v.current(pod) && !v.available(pod)
			oldAvailable = oldAvailable || !v.current(pod) && v.available(pod)
		}
		if !served {
			n.unserved++
		}
		if newPods && oldAvailable {
			n.surging++
		}
	}
	return n
}

func (m *model) check(t *rapid.T, before *view, d decision) {
	for _, s := range m.view().sites {
		if s.gone {
			continue
		}
		live, old, fresh := 0, 0, 0
		for _, pod := range s.pods {
			switch {
			case pod.DeletionTimestamp != nil || controller.IsFinished(pod):
			case before.current(pod):
				live, fresh = live+1, fresh+1
			default:
				live, old = live+1, old+1
			}
		}
		if !before.surges() && live > 1 || live > 2 || old > 1 || fresh > 1 {
			t.Fatalf("%d old and %d new pods on node %s", old, fresh, s.node)
		}
		if slices.Contains(d.create, s.node) && !s.run {
			t.Fatalf("a pod is made on node %s, which should run none", s.node)
		}
	}
	was, is := m.tally(m.undone(before, d)), m.tally(m.view())
	maxUnavailable, maxSurge, _ := before.rolling()
	if most := max(was.unserved, maxUnavailable); is.unserved > most {
		t.Fatalf("%d nodes without an available pod, %d before; at most %d may be", is.unserved, was.unserved, maxUnavailable)
	}
	if most := max(was.surging, maxSurge); is.surging > most {
		t.Fatalf("%d nodes surge, %d before; at most %d may", is.surging, was.surging, maxSurge)
	}
}

// undone is the view from before the decision was carried out on its pods.
func (m *model) undone(before *view, d decision) *view {
	v := *before
	v.sites = slices.Clone(before.sites)
	removed := map[types.UID]bool{}
	for _, r := range d.remove {
		removed[r.pod.UID] = true
	}
	for i := range v.sites {
		var pods []*corev1.Pod
		for _, pod := range v.sites[i].pods {
			if removed[pod.UID] {
				pod = pod.DeepCopy()
				pod.DeletionTimestamp = nil
			}
			pods = append(pods, pod)
		}
		v.sites[i].pods = pods
	}
	return &v
}

// kubelets lets every pod come up, or end if it was told to.
func (m *model) kubelets() {
	m.pods = slices.DeleteFunc(m.pods, func(pod *corev1.Pod) bool {
		node, _ := nodeOf(pod)
		return pod.DeletionTimestamp != nil || m.nodes[node] == nil
	})
	for _, pod := range m.pods {
		m.comeUp(pod)
	}
	m.now = m.now.Add(time.Minute)
}

func (m *model) comeUp(pod *corev1.Pod) {
	if controller.IsFinished(pod) || controller.IsReady(pod) {
		return
	}
	pod.Spec.NodeName, _ = nodeOf(pod)
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(m.now)}}
}

func (m *model) anyPod(t *rapid.T) *corev1.Pod {
	if len(m.pods) == 0 {
		t.Skip("no pods")
	}
	return rapid.SampledFrom(m.pods).Draw(t, "pod")
}

func (m *model) anyNode(t *rapid.T) *corev1.Node {
	return m.nodes[rapid.SampledFrom(m.nodeNames(t)).Draw(t, "node")]
}

func (m *model) nodeNames(t *rapid.T) []string {
	var names []string
	for name := range m.nodes {
		names = append(names, name)
	}
	if len(names) == 0 {
		t.Skip("no nodes")
	}
	slices.Sort(names)
	return names
}

// Whatever nodes and pods do, and however often template and strategy change on
// the way, no decision takes more from availability than the strategy allows,
// makes two pods of a template for a node, or one where none should be; once
// things are quiet there is one pod of the last template on each node that should
// have one, and nothing more to do.
func TestTheSetFollowsItsNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"act":       func(t *rapid.T) { m.act(t) },
			"act again": func(t *rapid.T) { m.act(t) },
			"node up":   m.addNode,
			"node off":  func(t *rapid.T) { delete(m.nodes, m.anyNode(t).Name) },
			"taint": func(t *rapid.T) {
				node := m.anyNode(t).DeepCopy()
				node.Spec.Taints = []corev1.Taint{taint("k", rapid.SampledFrom([]corev1.TaintEffect{
					corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule}).Draw(t, "effect"))}
				m.nodes[node.Name] = node
			},
			"untaint": func(t *rapid.T) {
				name := m.anyNode(t).Name
				m.nodes[name] = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
			},
			"deploy":   func(t *rapid.T) { m.template = rapid.IntRange(0, 3).Draw(t, "template") },
			"strategy": m.strategy,
			"pod up": func(t *rapid.T) {
				if pod := m.anyPod(t); pod.DeletionTimestamp == nil {
					m.comeUp(pod)
				}
			},
			"pod down": func(t *rapid.T) { m.anyPod(t).Status.Conditions = nil },
			"pod ends": func(t *rapid.T) {
				m.anyPod(t).Status = corev1.PodStatus{Phase: rapid.SampledFrom([]corev1.PodPhase{corev1.PodFailed, corev1.PodSucceeded}).Draw(t, "phase")}
			},
			"pod goes": func(t *rapid.T) {
				gone := m.anyPod(t)
				m.pods = slices.DeleteFunc(m.pods, func(pod *corev1.Pod) bool { return pod == gone && pod.DeletionTimestamp != nil })
			},
			"all up":      func(*rapid.T) { m.kubelets() },
			"time passes": func(*rapid.T) { m.now = m.now.Add(5 * time.Second) },
		})
		m.settle(t)
	})
}

func (m *model) settle(t *rapid.T) {
	for idle, rounds := 0, 0; idle < 2 && rounds < 100; rounds++ { // the first idle round may still let pods end
		idle++
		if d := m.act(t); !d.empty() {
			idle = 0
		}
		m.kubelets()
	}
	v := m.view()
	if d := plan(v, never); !d.empty() {
		t.Fatalf("at rest, but more to do: %+v", d)
	}
	_, _, rolls := v.rolling()
	for _, s := range v.sites {
		switch {
		case s.run && (len(s.pods) != 1 || rolls && !v.current(s.pods[0])):
			t.Fatalf("node %s has %d pods at rest, or an old one", s.node, len(s.pods))
		case !s.keep && len(s.pods) > 0, len(s.pods) > 1:
			t.Fatalf("node %s still has %d pods", s.node, len(s.pods))
		}
	}
	status, next := observe(v)
	if status.NumberUnavailable != 0 || status.NumberAvailable != status.DesiredNumberScheduled || next != 0 {
		t.Fatalf("at rest, but %+v", status)
	}
}
