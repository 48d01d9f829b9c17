package limitranger

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotation tells a pod's reader which requests and limits its author has not written.
const Annotation = "kubernetes.io/limit-ranger"

// applyDefaults gives every container and init container of the pod the default requests and limits
// that it lacks, and tells so in Annotation. Where it lacks none, the pod is left as it is.
func applyDefaults(pod *corev1.Pod, r *corev1.LimitRange) {
	requests, limits := containerDefaults(r)
	var set []string
	for _, part := range []struct {
		kind       string
		containers []corev1.Container
	}{{"container", pod.Spec.Containers}, {"init container", pod.Spec.InitContainers}} {
		for i := range part.containers {
			c := &part.containers[i]
			set = tell(set, fill(&c.Resources.Requests, requests), "request", part.kind, c.Name)
			set = tell(set, fill(&c.Resources.Limits, limits), "limit", part.kind, c.Name)
		}
	}
	if len(set) > 0 {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, Annotation, "LimitRanger plugin set: "+strings.Join(set, "; "))
	}
}

// containerDefaults are what the items for containers say.
func containerDefaults(r *corev1.LimitRange) (requests, limits corev1.ResourceList) {
	requests, limits = corev1.ResourceList{}, corev1.ResourceList{}
	for _, item := range r.Spec.Limits {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		for name, q := range item.DefaultRequest {
			requests[name] = q
		}
		for name, q := range item.Default {
			limits[name] = q
		}
	}
	return requests, limits
}

// fill puts into *to what it lacks of from and returns the names, sorted.
func fill(to *corev1.ResourceList, from corev1.ResourceList) (added []string) {
	for name, q := range from {
		if _, ok := (*to)[name]; ok {
			continue
		}
		if *to == nil {
			*to = corev1.ResourceList{}
		}
		(*to)[name] = q.DeepCopy()
		added = append(added, string(name))
	}
	slices.Sort(added)
	return added
}

func tell(set, names []string, what, kind, container string) []string {
	if len(names) == 0 {
		return set
	}
	return append(set, fmt.Sprintf("%s %s for %s %s", strings.Join(names, ", "), what, kind, container))
}
