// Package daemonsets judges the area "daemonsets".
package daemonsets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// key is the label of the stand-in nodes that are the spec's own.
func key(f *Framework) string { return "conformance.etalon.dev/" + f.Namespace }

// nodes makes so many stand-in nodes that agents go to.
func nodes(ctx context.Context, f *Framework, count int) []*StandInNode {
	GinkgoHelper()
	var made []*StandInNode
	for range count {
		made = append(made, f.StandInNode(ctx, map[string]string{key(f): "yes"}))
	}
	return made
}

// agents describes a DaemonSet of a pod on each of the spec's nodes.
func agents(f *Framework) *appsv1.DaemonSet {
	pod := Pod("agent", "sleep", "24h")
	TakeStandIns(&pod.Spec, key(f), "yes")
	return DaemonSet("agent", pod)
}

// on is the condition of being bound to the node.
func on(node *StandInNode) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return pod.Spec.NodeName == node.Name }
}

// bound says that each of the nodes has one pod, none of them going, and that there is no other pod.
func bound(nodes ...*StandInNode) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool {
		for _, node := range nodes {
			if len(Where(now, on(node), Active)) != 1 {
				return false
			}
		}
		return len(now) == len(nodes)
	}
}

// ready says that each of the nodes has one pod, which is ready, and that there is no other pod.
func ready(nodes ...*StandInNode) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool { return bound(nodes...)(now) && len(Where(now, Ready)) == len(nodes) }
}

// not is the contrary of a condition.
func not(so func([]*corev1.Pod) bool) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool { return !so(now) }
}

// oneAtATime is the invariant that no node has two pods that are not going.
func oneAtATime(now []*corev1.Pod) string {
	first := map[string]string{}
	for _, pod := range Where(now, Active) {
		if other, taken := first[target(pod)]; taken {
			return fmt.Sprintf("the pods %s and %s are both for the node %s", other, pod.Name, target(pod))
		}
		first[target(pod)] = pod.Name
	}
	return ""
}

// target is the node that the pod is made for, by its node affinity; "" if that names none.
func target(pod *corev1.Pod) string {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil || pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return ""
	}
	for _, term := range pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == metav1.ObjectNameField && len(field.Values) == 1 {
				return field.Values[0]
			}
		}
	}
	return ""
}

// taint puts a taint on the node.
func taint(ctx context.Context, f *Framework, node *StandInNode, key string, effect corev1.TaintEffect) {
	GinkgoHelper()
	current := node.Get(ctx)
	f.Edit(ctx, current, func() { current.Spec.Taints = append(current.Spec.Taints, corev1.Taint{Key: key, Effect: effect}) })
}

// untaint removes the taints of the key.
func untaint(ctx context.Context, f *Framework, node *StandInNode, key string) {
	GinkgoHelper()
	current := node.Get(ctx)
	f.Edit(ctx, current, func() {
		current.Spec.Taints = slices.DeleteFunc(current.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
	})
}

// waitTaint waits until the node has a taint of the key.
func waitTaint(ctx context.Context, f *Framework, node *StandInNode, key string) {
	GinkgoHelper()
	f.WaitUntil(ctx, fmt.Sprintf("the node %s has the taint %s", node.Name, key), SettleTimeout, func(ctx context.Context) (bool, string) {
		taints := node.Get(ctx).Spec.Taints
		return slices.ContainsFunc(taints, func(t corev1.Taint) bool { return t.Key == key }), fmt.Sprintf("its taints are %v", taints)
	})
}

// relabel sets the label by which the node is one of the spec's.
func relabel(ctx context.Context, f *Framework, node *StandInNode, value string) {
	GinkgoHelper()
	f.Patch(ctx, node.Get(ctx), fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key(f), value))
}

// generation is what ChangeTemplate gave the pod, "" for a pod of the first template.
func generation(of string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		env := pod.Spec.Containers[0].Env
		return of == "" && len(env) == 0 || len(env) == 1 && env[0].Value == of
	}
}

// update gives the DaemonSet another template, whose pods are ready when told if gated.
func update(ctx context.Context, f *Framework, set *appsv1.DaemonSet, generation string, gated bool) {
	GinkgoHelper()
	f.Edit(ctx, set, func() {
		ChangeTemplate(&set.Spec.Template, generation)
		set.Spec.Template.Spec.ReadinessGates = nil
		if gated {
			ReadyWhenTold(&set.Spec.Template.Spec)
		}
	})
}

// revisions reads the DaemonSet's revisions, oldest first.
func revisions(ctx context.Context, f *Framework, set *appsv1.DaemonSet) []appsv1.ControllerRevision {
	GinkgoHelper()
	list, err := f.API.AppsV1().ControllerRevisions(f.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + set.Name})
	Expect(err).NotTo(HaveOccurred())
	mine := slices.DeleteFunc(list.Items, func(r appsv1.ControllerRevision) bool { return !OwnedBy(&r, set) })
	slices.SortFunc(mine, func(a, b appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return mine
}

// waitRevisions waits until the DaemonSet's revisions have these numbers, told as "1 2", and returns them.
func waitRevisions(ctx context.Context, f *Framework, set *appsv1.DaemonSet, want string) []appsv1.ControllerRevision {
	GinkgoHelper()
	var now []appsv1.ControllerRevision
	f.WaitUntil(ctx, "the revisions of DaemonSet "+set.Name+" are "+want, SettleTimeout, func(ctx context.Context) (bool, string) {
		now = revisions(ctx, f, set)
		var numbers []string
		for _, revision := range now {
			numbers = append(numbers, fmt.Sprint(revision.Revision))
		}
		told := strings.Join(numbers, " ")
		return told == want, told
	})
	return now
}
