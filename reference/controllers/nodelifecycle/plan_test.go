package nodelifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newNode(name string, ready corev1.ConditionStatus) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if ready != "" {
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, LastHeartbeatTime: metav1.NewTime(t0)}}
	}
	return node
}

func renewed(at time.Time) *coordinationv1.Lease {
	return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{RenewTime: &metav1.MicroTime{Time: at}}}
}

// A node lives as long as its Lease or its status changes; what the times in
// them say, by a clock that may be wrong, does not matter.
func TestSignsOfLife(t *testing.T) {
	long := t0.Add(-100 * time.Hour) // the node's clock is far behind
	h := &health{}
	node := newNode("node-1", corev1.ConditionTrue)
	now := t0
	look := func(after time.Duration, lease *coordinationv1.Lease, node *corev1.Node) time.Duration {
		now = now.Add(after)
		h.observe(node, lease, now)
		return now.Sub(h.alive)
	}
	for i, step := range []struct {
		lease *coordinationv1.Lease
		beat  time.Time
		want  time.Duration
	}{
		{nil, long, 0},
		{nil, long, 10 * time.Second},
		{renewed(long), long, 0},
		{renewed(long), long, 10 * time.Second},
		{renewed(long.Add(time.Second)), long, 0},
		{renewed(long.Add(time.Second)), long, 10 * time.Second},
		{renewed(long.Add(time.Second)), long.Add(time.Second), 0},
		{renewed(long.Add(time.Second)), long.Add(time.Second), 10 * time.Second},
		{renewed(long.Add(time.Second)), long.Add(time.Second), 20 * time.Second},
	} {
		node = node.DeepCopy()
		node.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(step.beat)
		if got := look(10*time.Second, step.lease, node); got != step.want {
			t.Errorf("step %d: silent for %s, want %s", i, got, step.want)
		}
	}
}

func TestSilenced(t *testing.T) {
	conditions, changed := silenced(newNode("node-1", corev1.ConditionTrue), t0)
	if !changed || len(conditions) != 4 {
		t.Fatalf("changed %t, conditions %+v", changed, conditions)
	}
	want := map[corev1.NodeConditionType]string{
		corev1.NodeReady:          "Unknown NodeStatusUnknown Kubelet stopped posting node status.",
		corev1.NodeMemoryPressure: "Unknown NodeStatusNeverUpdated Kubelet never posted node status.",
		corev1.NodeDiskPressure:   "Unknown NodeStatusNeverUpdated Kubelet never posted node status.",
		corev1.NodePIDPressure:    "Unknown NodeStatusNeverUpdated Kubelet never posted node status.",
	}
	for _, c := range conditions {
		if got := fmt.Sprintf("%s %s %s", c.Status, c.Reason, c.Message); got != want[c.Type] {
			t.Errorf("%s is %q, want %q", c.Type, got, want[c.Type])
		}
	}
	if _, again := silenced(&corev1.Node{Status: corev1.NodeStatus{Conditions: conditions}}, t0); again {
		t.Error("a node that is silenced already changes again")
	}
}

func TestTaintsFollowConditions(t *testing.T) {
	cordoned := newNode("node-1", corev1.ConditionTrue)
	cordoned.Spec.Unschedulable = true
	pressed := newNode("node-1", corev1.ConditionTrue)
	pressed.Status.Conditions = append(pressed.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue})
	for name, test := range map[string]struct {
		node     *corev1.Node
		schedule []string
		evict    string
	}{
		"ready":         {newNode("node-1", corev1.ConditionTrue), nil, ""},
		"not ready":     {newNode("node-1", corev1.ConditionFalse), []string{corev1.TaintNodeNotReady}, corev1.TaintNodeNotReady},
		"unknown":       {newNode("node-1", corev1.ConditionUnknown), []string{corev1.TaintNodeUnreachable}, corev1.TaintNodeUnreachable},
		"silent so far": {newNode("node-1", ""), nil, ""},
		"cordoned":      {cordoned, []string{corev1.TaintNodeUnschedulable}, ""},
		"pressed":       {pressed, []string{corev1.TaintNodeDiskPressure}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := noSchedule(test.node); !slices.Equal(got, test.schedule) {
				t.Errorf("NoSchedule %v, want %v", got, test.schedule)
			}
			if got := noExecute(test.node); got != test.evict {
				t.Errorf("NoExecute %q, want %q", got, test.evict)
			}
		})
	}
}

func TestTaintsKeepsWhatIsNotItsOwn(t *testing.T) {
	node := newNode("node-1", corev1.ConditionUnknown)
	own := corev1.Taint{Key: "example.com/gpu", Effect: corev1.TaintEffectNoExecute}
	stale := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute}
	kept := corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &metav1.Time{Time: t0}}
	node.Spec.Taints = []corev1.Taint{own, stale, kept}
	got := taints(node, noSchedule(node), noExecute(node), t0.Add(time.Hour))
	want := []corev1.Taint{own, kept, {Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}}
	if !sameTaints(got, want) || got[1].TimeAdded != kept.TimeAdded {
		t.Errorf("taints %+v, want %+v", got, want)
	}
}

func TestZones(t *testing.T) {
	nodes := func(ready, notReady int) []*corev1.Node {
		var all []*corev1.Node
		for i := range ready + notReady {
			status := corev1.ConditionTrue
			if i >= ready {
				status = corev1.ConditionUnknown
			}
			all = append(all, newNode(fmt.Sprint("node-", i), status))
		}
		return all
	}
	survey := func(nodes []*corev1.Node) *zones {
		z := newZones(Default())
		for _, node := range nodes {
			z.set(node)
		}
		return z
	}
	for name, test := range map[string]struct {
		nodes []*corev1.Node
		rate  float64
	}{
		"all well":                     {nodes(3, 0), 0.1},
		"one of two is down":           {nodes(1, 1), 0.1},
		"the only one is down":         {nodes(0, 1), 0},
		"all are down":                 {nodes(0, 5), 0},
		"most of a small zone is down": {nodes(2, 8), 0},
		"most of a large zone is down": {nodes(20, 40), 0.01},
		"half of a zone is down":       {nodes(5, 5), 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := survey(test.nodes).rate("/"); got != test.rate {
				t.Errorf("rate %g, want %g", got, test.rate)
			}
		})
	}
	// Where one zone is dead and another lives, the fault is the zone's.
	mixed := nodes(0, 3)
	for _, node := range mixed {
		node.Labels = map[string]string{corev1.LabelTopologyZone: "dead"}
	}
	if got := survey(append(mixed, nodes(3, 0)...)).rate("/dead"); got != 0.1 {
		t.Errorf("rate of a dead zone beside a live one %g, want %g", got, 0.1)
	}
}

func TestPace(t *testing.T) {
	p := newPace(time.Second)
	if wait := p.turn("a", 0.1, t0); wait != 0 {
		t.Errorf("the first turn is in %s", wait)
	}
	if wait := p.turn("a", 0.1, t0.Add(4*time.Second)); wait != 6*time.Second {
		t.Errorf("the second turn is in %s, want 6 s", wait)
	}
	if wait := p.turn("b", 0.1, t0); wait != 0 {
		t.Errorf("another zone waits for %s", wait)
	}
	if wait := p.turn("c", 0, t0); wait <= 0 {
		t.Error("a zone of no evictions has a turn")
	}
	p.giveBack("a")
	if wait := p.turn("a", 0.1, t0.Add(4*time.Second)); wait != 0 {
		t.Errorf("a turn that was given back is in %s", wait)
	}
}
