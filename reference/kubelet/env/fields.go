package env

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// field returns what a fieldRef of a variable shows.
func (s Source) field(path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return s.Pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return s.Pod.Spec.ServiceAccountName, nil
	case "status.hostIP":
		return first(s.HostIPs), nil
	case "status.hostIPs":
		return strings.Join(s.HostIPs, ","), nil
	case "status.podIP":
		return first(s.PodIPs), nil
	case "status.podIPs":
		return strings.Join(s.PodIPs, ","), nil
	}
	return Meta(s.Pod, path)
}

// Meta returns the field of the pod's metadata at path, as the downward API shows it: maps as
// lines key="value", sorted by key.
func Meta(pod *v1.Pod, path string) (string, error) {
	if name, key, ok := subscript(path); ok {
		switch name {
		case "metadata.labels":
			return pod.Labels[key], nil
		case "metadata.annotations":
			return pod.Annotations[key], nil
		}
	}
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "metadata.labels":
		return lines(pod.Labels), nil
	case "metadata.annotations":
		return lines(pod.Annotations), nil
	}
	return "", fmt.Errorf("unsupported fieldPath: %v", path)
}

// subscript splits metadata.labels['key'] into its parts.
func subscript(path string) (name, key string, ok bool) {
	name, rest, found := strings.Cut(path, "['")
	if !found || !strings.HasSuffix(rest, "']") {
		return path, "", false
	}
	return name, strings.TrimSuffix(rest, "']"), true
}

func lines(m map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%v=%q", key, m[key]))
	}
	return strings.Join(out, "\n")
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}
