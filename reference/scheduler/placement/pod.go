package placement

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

var assumedRequests = corev1.ResourceList{
	corev1.ResourceCPU:    *resource.NewMilliQuantity(assumedMilliCPU, resource.DecimalSI),
	corev1.ResourceMemory: *resource.NewQuantity(assumedMemory, resource.BinarySI),
}

// Pod is a pod with everything computed once that placing it asks for repeatedly.
// It is never changed after NewPod.
type Pod struct {
	// Object is the pod as read; not ours to change.
	Object *corev1.Pod
	// Requests is what the pod takes from the node it runs on.
	Requests Resources
	// Priority orders the queue; higher first.
	Priority int32

	usage     usage
	ports     []hostPort
	affinity  nodeaffinity.RequiredNodeAffinity
	preferred *nodeaffinity.PreferredSchedulingTerms
	only      nodeNames
	volumes   Volumes // nil: they may be anywhere
}

// NewPod prepares a pod for placement.
func NewPod(pod *corev1.Pod) *Pod {
	p := &Pod{
		Object:   pod,
		Requests: podRequests(pod),
		Priority: schedulingv1.PodPriority(pod),
		usage:    podUsage(pod),
		ports:    hostPorts(pod),
		affinity: nodeaffinity.GetRequiredNodeAffinity(pod),
		only:     requiredNodeNames(pod),
	}
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		// Terms that do not parse count for nothing: validation keeps them out of the API, and a
		// preference must not keep a pod from running.
		p.preferred, _ = nodeaffinity.NewPreferredSchedulingTerms(a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return p
}

// Terminating tells whether the pod is on its way out.
func (p *Pod) Terminating() bool { return p.Object.DeletionTimestamp != nil }

// nodeNames is the set of nodes that a pod's required affinity names by metadata.name.
// The zero value names none, so every node comes into question.
type nodeNames struct {
	limited bool
	names   sets.Set[string]
}

// requiredNodeNames finds the nodes that affinity pins a pod to by name, as the DaemonSet
// controller does: only if every term (they are alternatives) names some.
func requiredNodeNames(pod *corev1.Pod) nodeNames {
	a := pod.Spec.Affinity
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nodeNames{}
	}
	terms := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	all := sets.New[string]()
	for _, term := range terms {
		var ofTerm sets.Set[string]
		for _, field := range term.MatchFields {
			if field.Key != "metadata.name" || field.Operator != corev1.NodeSelectorOpIn {
				continue
			}
			if values := sets.New(field.Values...); ofTerm == nil {
				ofTerm = values
			} else {
				ofTerm = ofTerm.Intersection(values)
			}
		}
		if ofTerm == nil {
			return nodeNames{}
		}
		all = all.Union(ofTerm)
	}
	return nodeNames{limited: len(terms) > 0, names: all}
}
