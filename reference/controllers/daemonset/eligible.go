package daemonset

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// verdict is what a node may do with a pod of the set.
type verdict struct {
	// run says that the node should have one.
	run bool
	// keep says that a node that has one may keep it. A NoSchedule taint keeps new
	// pods away and lets those that are there be.
	keep bool
}

// eligibility judges nodes for one template. What can be prepared is, because a
// large cluster asks it thousands of times in a row.
type eligibility struct {
	nodeName    string
	affinity    nodeaffinity.RequiredNodeAffinity
	tolerations []corev1.Toleration
}

func newEligibility(template *corev1.PodTemplateSpec) eligibility {
	return eligibility{
		nodeName:    template.Spec.NodeName,
		affinity:    nodeaffinity.NewRequiredNodeAffinity(template.Spec.NodeSelector, template.Spec.Affinity),
		tolerations: withTolerations(template.Spec.Tolerations, template.Spec.HostNetwork),
	}
}

// of judges the node. What counts is the template's node name, its node selector
// and required node affinity, and the node's taints; whether the node is ready or
// has room does not.
func (e eligibility) of(node *corev1.Node) verdict {
	if e.nodeName != "" && e.nodeName != node.Name {
		return verdict{}
	}
	// A term that cannot be parsed matches nothing.
	if matches, _ := e.affinity.Match(node); !matches {
		return verdict{}
	}
	untolerated := func(effects ...corev1.TaintEffect) bool {
		return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
			return slices.Contains(effects, t.Effect) &&
				!schedulingv1.TolerationsTolerateTaint(klog.Background(), e.tolerations, &t, true)
		})
	}
	switch {
	case untolerated(corev1.TaintEffectNoExecute):
		return verdict{}
	case untolerated(corev1.TaintEffectNoSchedule):
		return verdict{keep: true}
	}
	return verdict{run: true, keep: true}
}

// withTolerations returns the tolerations of the set's pods: the template's, and
// those that let a daemon stay on a node in trouble and come to one that is
// cordoned. A daemon in the host's network does not wait for the pods' one.
func withTolerations(tolerations []corev1.Toleration, hostNetwork bool) []corev1.Toleration {
	tolerations = slices.Clone(tolerations)
	add := func(effect corev1.TaintEffect, keys ...string) {
		for _, key := range keys {
			wanted := corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}
			i := slices.IndexFunc(tolerations, func(t corev1.Toleration) bool { return t.MatchToleration(&wanted) })
			if i < 0 {
				tolerations = append(tolerations, wanted)
				continue
			}
			tolerations[i] = wanted // one for a limited time becomes one for good
		}
	}
	add(corev1.TaintEffectNoExecute, corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable)
	add(corev1.TaintEffectNoSchedule, corev1.TaintNodeDiskPressure, corev1.TaintNodeMemoryPressure,
		corev1.TaintNodePIDPressure, corev1.TaintNodeUnschedulable)
	if hostNetwork {
		add(corev1.TaintEffectNoSchedule, corev1.TaintNodeNetworkUnavailable)
	}
	return tolerations
}
