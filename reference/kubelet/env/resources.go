package env

import (
	"fmt"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Resource returns what a resourceFieldRef shows: the amount in units of its divisor (1 by
// default), rounded up. A limit that the container does not have is the node's allocatable.
func Resource(ref *v1.ResourceFieldSelector, pod *v1.Pod, c *v1.Container, allocatable v1.ResourceList) (string, error) {
	if ref.ContainerName != "" && (c == nil || ref.ContainerName != c.Name) {
		c = named(pod, ref.ContainerName)
	}
	if c == nil {
		return "", fmt.Errorf("container %s not found", ref.ContainerName)
	}
	kind, name, _ := strings.Cut(ref.Resource, ".")
	var amount resource.Quantity
	switch kind {
	case "limits":
		limit, ok := c.Resources.Limits[v1.ResourceName(name)]
		if !ok || limit.IsZero() {
			limit = allocatable[v1.ResourceName(name)]
		}
		amount = limit
	case "requests":
		amount = c.Resources.Requests[v1.ResourceName(name)]
	default:
		return "", fmt.Errorf("unsupported container resource : %v", ref.Resource)
	}
	if v1.ResourceName(name) == v1.ResourceCPU {
		divisor := ref.Divisor.MilliValue()
		if divisor == 0 {
			divisor = 1000
		}
		return ceil(amount.MilliValue(), divisor), nil
	}
	divisor := ref.Divisor.Value()
	if divisor == 0 {
		divisor = 1
	}
	return ceil(amount.Value(), divisor), nil
}

func ceil(a, b int64) string {
	return strconv.FormatInt((a+b-1)/b, 10)
}

func named(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}
