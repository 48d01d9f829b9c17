package daemonset

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// nodeNameField is the field by which a pod's affinity names its node.
	nodeNameField = metav1.ObjectNameField
	// generationLabel carries the count of templates, which came before revisions.
	generationLabel = "pod-template-generation"
)

// templateFor is the set's template as the pod of that node gets it: pinned to
// the node, with the tolerations of daemons, labelled with its revision.
func templateFor(set *appsv1.DaemonSet, hash, node string) *corev1.PodTemplateSpec {
	template := set.Spec.Template.DeepCopy()
	template.Labels = labelled(template.Labels, appsv1.DefaultDaemonSetUniqueLabelKey, hash)
	if generation, ok := templateGeneration(set); ok {
		template.Labels[generationLabel] = generation
	}
	template.Spec.Tolerations = withTolerations(template.Spec.Tolerations, template.Spec.HostNetwork)
	template.Spec.Affinity = pinned(template.Spec.Affinity, node)
	return template
}

func labelled(labels map[string]string, key, value string) map[string]string {
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[key] = value
	return labels
}

// pinned is the affinity with which the scheduler can choose this node only. The
// required node affinity of the template has been heeded when the node was
// chosen and is replaced; everything else stays.
func pinned(affinity *corev1.Affinity, node string) *corev1.Affinity {
	affinity = affinity.DeepCopy()
	if affinity == nil {
		affinity = &corev1.Affinity{}
	}
	if affinity.NodeAffinity == nil {
		affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchFields: []corev1.NodeSelectorRequirement{{
				Key: nodeNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
			}},
		}},
	}
	return affinity
}

// nodeOf is the node that the pod is on or meant for; ok is false if it is meant
// for none in particular, as an adopted pod may be that has not been scheduled.
func nodeOf(pod *corev1.Pod) (node string, ok bool) {
	if pod.Spec.NodeName != "" {
		return pod.Spec.NodeName, true
	}
	affinity := pod.Spec.Affinity
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return "", false
	}
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == nodeNameField && field.Operator == corev1.NodeSelectorOpIn && len(field.Values) == 1 {
				return field.Values[0], true
			}
		}
	}
	return "", false
}

// isCurrent reports whether the pod is of the set's template: by its revision, or
// by the count of templates that older pods carry.
func isCurrent(set *appsv1.DaemonSet, hash string, pod *corev1.Pod) bool {
	if hash != "" && pod.Labels[appsv1.DefaultDaemonSetUniqueLabelKey] == hash {
		return true
	}
	generation, ok := templateGeneration(set)
	return ok && pod.Labels[generationLabel] == generation
}

// templateGeneration is the number of the template as the API server counts them.
func templateGeneration(set *appsv1.DaemonSet) (string, bool) {
	n, err := strconv.ParseInt(set.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		return "", false
	}
	return strconv.FormatInt(n, 10), true
}

// seniority sorts pods of a node so that the one that stays comes first: on the
// node already, older, of the lower name.
func seniority(pods []*corev1.Pod) []*corev1.Pod {
	return slices.SortedFunc(slices.Values(pods), func(a, b *corev1.Pod) int {
		return cmp.Or(
			falseLast(a.Spec.NodeName != "", b.Spec.NodeName != ""),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Name, b.Name),
		)
	})
}
