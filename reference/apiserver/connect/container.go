package connect

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
)

// containerOf checks the container that a request names, or chooses the only one there is.
func containerOf(pod *corev1.Pod, name string) (string, error) {
	containers, inits, ephemeral := names(pod)
	if name == "" {
		if len(containers) == 1 {
			return containers[0], nil
		}
		return "", errors.NewBadRequest(mustSpecify(pod.Name, containers, inits, ephemeral))
	}
	if !slices.Contains(slices.Concat(containers, inits, ephemeral), name) {
		return "", errors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
	}
	return name, nil
}

func mustSpecify(pod string, containers, inits, ephemeral []string) string {
	s := fmt.Sprintf("a container name must be specified for pod %s", pod)
	if len(containers) > 0 {
		s += fmt.Sprintf(", choose one of: [%s]", strings.Join(containers, " "))
	}
	if len(inits) > 0 {
		s += fmt.Sprintf(" or one of the init containers: [%s]", strings.Join(inits, " "))
	}
	if len(ephemeral) > 0 {
		s += fmt.Sprintf(" or one of the ephemeral containers: [%s]", strings.Join(ephemeral, " "))
	}
	return s
}

func names(pod *corev1.Pod) (containers, inits, ephemeral []string) {
	for _, c := range pod.Spec.Containers {
		containers = append(containers, c.Name)
	}
	for _, c := range pod.Spec.InitContainers {
		inits = append(inits, c.Name)
	}
	for _, c := range pod.Spec.EphemeralContainers {
		ephemeral = append(ephemeral, c.Name)
	}
	return containers, inits, ephemeral
}
