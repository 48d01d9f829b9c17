package pods

import (
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

func TestSidecarsEndAfterTheOthersInReverseOrder(t *testing.T) {
	sidecar := func(name string) v1.Container {
		return v1.Container{Name: name, RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)}
	}
	pod := &v1.Pod{Spec: v1.PodSpec{
		InitContainers: []v1.Container{sidecar("s1"), {Name: "i"}, sidecar("s2")}, Containers: []v1.Container{{Name: "a"}, {Name: "b"}},
	}}
	var running []*runtime.Container
	pod.Spec.EphemeralContainers = []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug"}}}
	for _, name := range []string{"s1", "s2", "a", "b", "debug"} {
		running = append(running, &runtime.Container{ID: name, Name: name})
	}
	turns := newTurns(pod, running)
	for id, want := range map[string][]string{"a": nil, "b": nil, "debug": nil, "s2": {"a", "b"}, "s1": {"s2", "a", "b"}} {
		if got := turns.before[id]; !slices.Equal(got, want) {
			t.Errorf("%s waits for %v, want %v", id, got, want)
		}
	}
}
