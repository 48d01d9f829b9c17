package daemonset

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func taint(key string, effect corev1.TaintEffect) corev1.Taint {
	return corev1.Taint{Key: key, Effect: effect}
}

func requires(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
}

func labelIn(key string, values ...string) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}}}
}

func TestWhichNodesShouldRunAPod(t *testing.T) {
	yes, stay, no := verdict{run: true, keep: true}, verdict{keep: true}, verdict{}
	for name, test := range map[string]struct {
		spec corev1.PodSpec
		node corev1.Node
		want verdict
	}{
		"any":                            {want: yes},
		"not ready":                      {node: corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionFalse}}}}, want: yes},
		"named":                          {spec: corev1.PodSpec{NodeName: "n"}, want: yes},
		"another named":                  {spec: corev1.PodSpec{NodeName: "other"}, want: no},
		"selected":                       {spec: corev1.PodSpec{NodeSelector: map[string]string{"zone": "a"}}, want: yes},
		"not selected":                   {spec: corev1.PodSpec{NodeSelector: map[string]string{"zone": "b"}}, want: no},
		"required":                       {spec: corev1.PodSpec{Affinity: requires(labelIn("zone", "b"), labelIn("zone", "a"))}, want: yes},
		"required otherwise":             {spec: corev1.PodSpec{Affinity: requires(labelIn("zone", "b"))}, want: no},
		"required, but selected not":     {spec: corev1.PodSpec{Affinity: requires(labelIn("zone", "a")), NodeSelector: map[string]string{"disk": "ssd"}}, want: no},
		"required by its name":           {spec: corev1.PodSpec{Affinity: pinned(nil, "n")}, want: yes},
		"another required by its name":   {spec: corev1.PodSpec{Affinity: pinned(nil, "other")}, want: no},
		"no term at all":                 {spec: corev1.PodSpec{Affinity: requires()}, want: no},
		"cordoned":                       {node: corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{taint(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)}}}, want: yes},
		"unreachable":                    {node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)}}}, want: yes},
		"unreachable, for new pods":      {node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoSchedule)}}}, want: stay},
		"under pressure":                 {node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint(corev1.TaintNodeDiskPressure, corev1.TaintEffectNoSchedule), taint(corev1.TaintNodePIDPressure, corev1.TaintEffectNoSchedule)}}}, want: yes},
		"without its network":            {node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule)}}}, want: stay},
		"in the host's network":          {spec: corev1.PodSpec{HostNetwork: true}, node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule)}}}, want: yes},
		"tainted NoSchedule":             {node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("gpu", corev1.TaintEffectNoSchedule)}}}, want: stay},
		"tainted NoExecute":              {node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("gpu", corev1.TaintEffectNoExecute)}}}, want: no},
		"tainted PreferNoSchedule":       {node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("gpu", corev1.TaintEffectPreferNoSchedule)}}}, want: yes},
		"tolerated":                      {spec: corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}}, node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("gpu", corev1.TaintEffectNoExecute)}}}, want: yes},
		"tainted NoSchedule, elsewhere":  {spec: corev1.PodSpec{NodeName: "other"}, node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("gpu", corev1.TaintEffectNoSchedule)}}}, want: no},
		"a term that cannot be parsed":   {spec: corev1.PodSpec{Affinity: requires(labelIn("zone"))}, want: no},
		"toleration of everything there": {spec: corev1.PodSpec{Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}}, node: corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("gpu", corev1.TaintEffectNoExecute), taint("b", corev1.TaintEffectNoSchedule)}}}, want: yes},
	} {
		test.node.Name, test.node.Labels = "n", map[string]string{"zone": "a"}
		if got := newEligibility(&corev1.PodTemplateSpec{Spec: test.spec}).of(&test.node); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestTolerationsOfDaemons(t *testing.T) {
	own := []corev1.Toleration{
		{Key: "gpu", Operator: corev1.TolerationOpExists},
		{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](30)},
	}
	got := withTolerations(own, true)
	exists := func(key string, effect corev1.TaintEffect) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}
	}
	want := []corev1.Toleration{
		own[0],
		exists("node.kubernetes.io/not-ready", corev1.TaintEffectNoExecute),
		exists("node.kubernetes.io/unreachable", corev1.TaintEffectNoExecute),
		exists("node.kubernetes.io/disk-pressure", corev1.TaintEffectNoSchedule),
		exists("node.kubernetes.io/memory-pressure", corev1.TaintEffectNoSchedule),
		exists("node.kubernetes.io/pid-pressure", corev1.TaintEffectNoSchedule),
		exists("node.kubernetes.io/unschedulable", corev1.TaintEffectNoSchedule),
		exists("node.kubernetes.io/network-unavailable", corev1.TaintEffectNoSchedule),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if own[1].TolerationSeconds == nil {
		t.Error("the template's own list was changed")
	}
	if got := withTolerations(nil, false); len(got) != 6 {
		t.Errorf("a pod with a network of its own gets %d tolerations, want 6: %+v", len(got), got)
	}
}

// A pod is pinned to its node whatever affinity its template has, and the rest of
// the affinity stays.
func TestPinnedPods(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var affinity *corev1.Affinity
		if rapid.Bool().Draw(t, "has affinity") {
			affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
			if rapid.Bool().Draw(t, "of nodes") {
				affinity.NodeAffinity = &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: make([]corev1.PreferredSchedulingTerm, 1)}
			}
			if affinity.NodeAffinity != nil && rapid.Bool().Draw(t, "required") {
				affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = requires(labelIn("zone", "a"), labelIn("zone", "b")).NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
			}
		}
		before := affinity.DeepCopy()
		pod := &corev1.Pod{Spec: corev1.PodSpec{Affinity: pinned(affinity, "n")}}
		if node, ok := nodeOf(pod); !ok || node != "n" {
			t.Fatalf("pinned to %q, %t", node, ok)
		}
		for _, name := range []string{"n", "other"} {
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
			if runs := newEligibility(&corev1.PodTemplateSpec{Spec: pod.Spec}).of(node).run; runs != (name == "n") {
				t.Fatalf("node %s may run it: %t", name, runs)
			}
		}
		if before != nil && (pod.Spec.Affinity.PodAntiAffinity == nil ||
			before.NodeAffinity != nil && len(pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) != 1) {
			t.Fatal("the rest of the affinity is gone")
		}
	})
}
