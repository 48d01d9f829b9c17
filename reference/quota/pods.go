package quota

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	helpers "k8s.io/component-helpers/resource"
)

var one = *resource.NewQuantity(1, resource.DecimalSI)

// podResources are the names that pods use, apart from huge pages and extended resources.
var podResources = oneOf(
	"count/pods", corev1.ResourcePods,
	corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
	corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
	corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage)

// pods measures pods. Creating and resizing one can change what it uses.
func pods(list generic.ListFuncByNamespace, now func() time.Time) quota.Evaluator {
	return &evaluator[*corev1.Pod]{
		resource: corev1.Resource("pods"),
		measures: func(name corev1.ResourceName) bool {
			s := string(name)
			return podResources(name) || strings.HasPrefix(s, corev1.ResourceHugePagesPrefix) ||
				strings.HasPrefix(s, corev1.ResourceRequestsHugePagesPrefix) ||
				strings.HasPrefix(s, corev1.DefaultResourceRequestsPrefix) && isExtended(name)
		},
		handles: func(op admission.Operation, subresource string) bool {
			return op == admission.Create && subresource == "" || op == admission.Update && subresource == "resize"
		},
		usage:      func(p *corev1.Pod) corev1.ResourceList { return podUsage(p, now()) },
		inScope:    podInScope,
		constraint: podConstraint,
		list:       list,
	}
}

// isExtended says whether the resource is one that Kubernetes does not know itself.
func isExtended(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// podUsage is what the pod uses: always one of count/pods; the rest only as long as it may run.
// Sidecars, init containers, overhead, pod-level resources and resizes under way count as the
// scheduler counts them.
func podUsage(p *corev1.Pod, now time.Time) corev1.ResourceList {
	used := corev1.ResourceList{"count/pods": one}
	if !mayRun(p, now) {
		return used
	}
	counted := helpers.PodResourcesOptions{UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true}
	return quota.Add(used, computeUsage(helpers.PodRequests(p, counted), helpers.PodLimits(p, counted)))
}

// mayRun says whether the pod counts: it has not ended, and it is not overdue to be deleted, as one
// on a lost node is.
func mayRun(p *corev1.Pod, now time.Time) bool {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return false
	}
	if p.DeletionTimestamp == nil || p.DeletionGracePeriodSeconds == nil {
		return true
	}
	return !now.After(p.DeletionTimestamp.Add(time.Duration(*p.DeletionGracePeriodSeconds) * time.Second))
}

// computeUsage names requests and limits as quotas name them.
func computeUsage(requests, limits corev1.ResourceList) corev1.ResourceList {
	used := corev1.ResourceList{corev1.ResourcePods: one}
	for name, request := range requests {
		withPrefix := corev1.DefaultResourceRequestsPrefix + name
		switch {
		case name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage,
			strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
			used[name], used[withPrefix] = request, request
		case isExtended(name):
			used[withPrefix] = request
		}
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		if limit, ok := limits[name]; ok {
			used["limits."+name] = limit
		}
	}
	return used
}

// mustBeSaid are the resources that every container has to state where a quota limits them.
var mustBeSaid = []corev1.ResourceName{
	corev1.ResourceCPU, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory,
	corev1.ResourceMemory, corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory,
}

// podConstraint refuses a pod with a container that leaves open what a quota limits of CPU and memory,
// unless the pod as a whole states it.
func podConstraint(required []corev1.ResourceName, p *corev1.Pod) error {
	var whole corev1.ResourceList
	if r := p.Spec.Resources; r != nil {
		whole = computeUsage(r.Requests, r.Limits)
	}
	var missing []string
	for _, name := range mustBeSaid {
		if _, said := whole[name]; said || !slices.Contains(required, name) {
			continue
		}
		if silent := silentContainers(p, name); len(silent) > 0 {
			missing = append(missing, fmt.Sprintf("%s for: %s", name, strings.Join(silent, ",")))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("must specify %s", strings.Join(missing, "; "))
}

// silentContainers are the names of those that do not state the resource, sorted.
func silentContainers(p *corev1.Pod, name corev1.ResourceName) (silent []string) {
	for _, containers := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range containers {
			r := &containers[i].Resources
			if _, said := computeUsage(r.Requests, r.Limits)[name]; !said {
				silent = append(silent, containers[i].Name)
			}
		}
	}
	slices.Sort(silent)
	return slices.Compact(silent)
}
