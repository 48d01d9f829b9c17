package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ephemeralContainers lets a write change spec.ephemeralContainers and nothing else (`kubectl debug`).
var ephemeralContainers = generic.Update[*corev1.Pod]{
	Prepare: func(_ context.Context, p, old *corev1.Pod) {
		wanted := p.Spec.EphemeralContainers
		keepPod(p, old)
		p.Spec.EphemeralContainers = wanted
		countGeneration(p, old)
	},
	Validate: validation.PodEphemeralContainersUpdate,
	Resets:   []string{"status"},
}

// resize lets a write change the containers' resources and resize policies and nothing else (KEP-1287).
var resize = generic.Update[*corev1.Pod]{
	Prepare: func(_ context.Context, p, old *corev1.Pod) {
		wanted := *p.Spec.DeepCopy()
		keepPod(p, old)
		p.Spec.Resources = wanted.Resources
		resizeContainers(p.Spec.Containers, wanted.Containers)
		resizeContainers(p.Spec.InitContainers, wanted.InitContainers)
		countGeneration(p, old)
	},
	Validate: validation.PodResizeUpdate,
	Resets:   []string{"status"},
}

// keepPod makes p what old is, but for the metadata that the store minds itself.
func keepPod(p, old *corev1.Pod) {
	kept := old.DeepCopy()
	kept.ResourceVersion, kept.ManagedFields = p.ResourceVersion, p.ManagedFields
	*p = *kept
}

// resizeContainers gives containers the resources of those of the same name in wanted.
func resizeContainers(containers, wanted []corev1.Container) {
	for i := range containers {
		for j := range wanted {
			if containers[i].Name == wanted[j].Name {
				containers[i].Resources, containers[i].ResizePolicy = wanted[j].Resources, wanted[j].ResizePolicy
			}
		}
	}
}

func countGeneration(p, old *corev1.Pod) {
	if !equality.Semantic.DeepEqual(p.Spec, old.Spec) {
		p.Generation = old.Generation + 1
	}
}
