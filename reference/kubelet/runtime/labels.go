package runtime

import (
	"hash/fnv"
	"strconv"

	"encoding/json"

	v1 "k8s.io/api/core/v1"
)

// Labels and annotations that every sandbox and container of ours carries. They are the only
// memory that the agent has of what runs on the node: after a restart of the agent it finds
// its containers again by them. The keys are upstream's, so that crictl and other tools on a
// node show pods as their users know them.
const (
	PodNameLabel       = "io.kubernetes.pod.name"
	PodNamespaceLabel  = "io.kubernetes.pod.namespace"
	PodUIDLabel        = "io.kubernetes.pod.uid"
	ContainerNameLabel = "io.kubernetes.container.name"

	HashAnnotation                     = "io.kubernetes.container.hash"
	RestartCountAnnotation             = "io.kubernetes.container.restartCount"
	TerminationMessagePathAnnotation   = "io.kubernetes.container.terminationMessagePath"
	TerminationMessagePolicyAnnotation = "io.kubernetes.container.terminationMessagePolicy"
	// AllocationAnnotation is what of the node was allocated to the pod when its sandbox was made.
	AllocationAnnotation = "dev.etalon.pod.allocation"
	PodGraceAnnotation   = "io.kubernetes.pod.terminationGracePeriod"
)

// PodLabels returns the labels that identify the pod on its sandbox and containers.
func PodLabels(pod *v1.Pod) map[string]string {
	return map[string]string{
		PodNameLabel:      pod.Name,
		PodNamespaceLabel: pod.Namespace,
		PodUIDLabel:       string(pod.UID),
	}
}

// Hash identifies what a container was made from: its name and image. A running container
// whose hash differs from the spec's is replaced, since the image is what may change in a
// pod's spec while it runs.
func Hash(c *v1.Container) string {
	made, err := json.Marshal([]string{c.Name, c.Image})
	if err != nil {
		return ""
	}
	h := fnv.New32a()
	h.Write(made)
	return strconv.FormatUint(uint64(h.Sum32()), 16)
}
