package daemonset

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// Whatever happens, no node gets more pods than it should, and in the end each
// that should run one runs one of the last template.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		set := newSet()
		set.Annotations = map[string]string{}
		set.Spec.MinReadySeconds = rapid.SampledFrom([]int32{0, 10}).Draw(t, "minReadySeconds")
		drawStrategy(t)(set)
		return sim.Scenario{
			Controllers: map[string]sim.New{"daemonset": sim.Controller(New)},
			Objects:     []sim.Object{set},
			Actions: map[string]sim.Action{
				"deploy": func(t *rapid.T) sim.Act {
					image := fmt.Sprint("agent:v", rapid.IntRange(0, 3).Draw(t, "version"))
					return onSet(func(set *appsv1.DaemonSet) {
						set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: image}}
					})
				},
				"strategy": func(t *rapid.T) sim.Act { return onSet(drawStrategy(t)) },
				"select": func(t *rapid.T) sim.Act {
					selector := rapid.SampledFrom([]map[string]string{nil, {"role": "edge"}}).Draw(t, "nodeSelector")
					return onSet(func(set *appsv1.DaemonSet) { set.Spec.Template.Spec.NodeSelector = selector })
				},
				"label":   onNode(func(node *corev1.Node) { node.Labels["role"] = "edge" }),
				"unlabel": onNode(func(node *corev1.Node) { delete(node.Labels, "role") }),
				"keep pods away": onNode(func(node *corev1.Node) {
					node.Spec.Taints = []corev1.Taint{taint("k", corev1.TaintEffectNoSchedule)}
				}),
				"drive pods away": onNode(func(node *corev1.Node) {
					node.Spec.Taints = []corev1.Taint{taint("k", corev1.TaintEffectNoExecute)}
				}),
				"untaint": onNode(func(node *corev1.Node) { node.Spec.Taints = nil }),
				"orphan": func(t *rapid.T) sim.Act {
					n := rapid.IntRange(0, 2).Draw(t, "node")
					return func(w *sim.World) {
						w.Create(&corev1.Pod{
							ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("orphan-", n), Labels: map[string]string{"app": "agent"}},
							Spec:       corev1.PodSpec{NodeName: fmt.Sprint("node-", n)},
						})
					}
				},
			},
			Invariants: map[string]sim.Invariant{"no pod too many": noneTooMany},
			Settled:    settled,
		}
	})
}

func drawStrategy(t *rapid.T) func(set *appsv1.DaemonSet) {
	bound := rapid.SampledFrom([]string{"1", "2", "50%"}).Draw(t, "bound")
	switch rapid.SampledFrom([]string{"unavailable", "surge", "on delete"}).Draw(t, "strategy") {
	case "unavailable":
		return func(set *appsv1.DaemonSet) { rolling(set, bound, "0") }
	case "surge":
		return func(set *appsv1.DaemonSet) { rolling(set, "0", bound) }
	}
	return func(set *appsv1.DaemonSet) {
		set.Spec.UpdateStrategy = appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType}
	}
}

func onSet(do func(set *appsv1.DaemonSet)) sim.Act {
	return func(w *sim.World) { sim.Update(w, key.Name, do) }
}

func onNode(do func(node *corev1.Node)) sim.Action {
	return func(t *rapid.T) sim.Act {
		name := fmt.Sprint("node-", rapid.IntRange(0, 2).Draw(t, "node"))
		return func(w *sim.World) {
			nodes, ctx := w.Client.CoreV1().Nodes(), context.Background()
			if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
				node, err := nodes.Get(ctx, name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				do(node)
				_, err = nodes.Update(ctx, node, metav1.UpdateOptions{})
				return err
			}); err != nil {
				panic(err)
			}
		}
	}
}

// noneTooMany checks that no pod is made for a node that has as many as it could
// ever need: the old and the new one. A stale cache must not make a controller
// create twice. What it was not told of, because an answer was lost, it may make
// once more; and a user may have put one there.
func noneTooMany(w *sim.World, write sim.Write) error {
	if write.Actor != "daemonset" || write.Kind != "Pod" || write.Verb != "create" {
		return nil
	}
	made := write.After.(*corev1.Pod)
	node, ok := nodeOf(made)
	if !ok || made.Spec.NodeName != "" {
		return fmt.Errorf("%s is made for no node, or bypasses the scheduler", made.Name)
	}
	perHash := 0
	for _, pod := range sim.List[*corev1.Pod](w) {
		if on, _ := nodeOf(pod); on == node && controller.IsActive(pod) && hashLabel(pod) == hashLabel(made) {
			perHash++
		}
	}
	if unheard := w.Unanswered("daemonset"); perHash > 1+unheard {
		return fmt.Errorf("%d pods of one template for node %s", perHash, node)
	}
	return nil
}

func hashLabel(pod *corev1.Pod) string { return pod.Labels[appsv1.DefaultDaemonSetUniqueLabelKey] }

func settled(w *sim.World) error {
	set, _ := sim.Get[*appsv1.DaemonSet](w, key.Name)
	on := map[string][]*corev1.Pod{}
	for _, pod := range sim.List[*corev1.Pod](w) {
		node, _ := nodeOf(pod)
		on[node] = append(on[node], pod)
	}
	eligible := newEligibility(&set.Spec.Template)
	var desired, misscheduled, updated int32
	for _, node := range sim.List[*corev1.Node](w) {
		fate, pods := eligible.of(node), on[node.Name]
		if fate.run {
			desired++
		} else if len(pods) > 0 {
			misscheduled++
		}
		if fate.run && len(pods) != 1 || !fate.keep && len(pods) > 0 || len(pods) > 1 {
			return fmt.Errorf("%d pods on node %s, which should run one: %t, may keep one: %t", len(pods), node.Name, fate.run, fate.keep)
		}
		for _, pod := range pods {
			if !controller.IsReady(pod) || !metav1.IsControlledBy(pod, set) {
				return fmt.Errorf("pod %s is not ready, or not the set's", pod.Name)
			}
			current := len(set.Spec.Template.Spec.Containers) == len(pod.Spec.Containers) &&
				(len(pod.Spec.Containers) == 0 || pod.Spec.Containers[0].Image == set.Spec.Template.Spec.Containers[0].Image)
			if fate.run && !current && set.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType {
				return fmt.Errorf("pod %s is of an old template", pod.Name)
			}
		}
	}
	s := set.Status
	updated = s.UpdatedNumberScheduled
	if set.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType {
		updated = desired
	}
	if s.DesiredNumberScheduled != desired || s.CurrentNumberScheduled != desired || s.NumberMisscheduled != misscheduled ||
		s.NumberReady != desired || s.NumberAvailable != desired || s.NumberUnavailable != 0 ||
		s.UpdatedNumberScheduled != updated || s.ObservedGeneration != set.Generation {
		return fmt.Errorf("status %+v; want %d desired, %d misscheduled", s, desired, misscheduled)
	}
	return nil
}
