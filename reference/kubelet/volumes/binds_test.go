package volumes

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestWhatIsMountedBelowAReadOnlyVolume(t *testing.T) {
	able := &v1.Node{Status: v1.NodeStatus{RuntimeHandlers: []v1.NodeRuntimeHandler{
		{Name: "other"}, {Name: "", Features: &v1.NodeRuntimeHandlerFeatures{RecursiveReadOnlyMounts: ptr.To(true)}}}}}
	for _, c := range []struct {
		mode      v1.RecursiveReadOnlyMode
		readOnly  bool
		node      *v1.Node
		recursive bool
		failure   string
	}{
		{"", true, able, false, ""}, {v1.RecursiveReadOnlyDisabled, false, able, false, ""},
		{v1.RecursiveReadOnlyIfPossible, true, able, true, ""}, {v1.RecursiveReadOnlyIfPossible, true, nil, false, ""},
		{v1.RecursiveReadOnlyEnabled, true, able, true, ""},
		{v1.RecursiveReadOnlyEnabled, true, &v1.Node{}, false, `volume "v" requested recursive read-only mode, but it is not supported by the runtime`},
		{v1.RecursiveReadOnlyEnabled, false, able, false, `volume "v" requested recursive read-only mode, but it is not read-only`},
	} {
		vm := v1.VolumeMount{Name: "v", ReadOnly: c.readOnly}
		if c.mode != "" {
			vm.RecursiveReadOnly = &c.mode
		}
		got, err := recursiveReadOnly(vm, c.node)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if got != c.recursive || said != c.failure {
			t.Errorf("%s, read only %v: got %v, %q", c.mode, c.readOnly, got, said)
		}
	}
	vm := v1.VolumeMount{Name: "v", ReadOnly: true, RecursiveReadOnly: ptr.To(v1.RecursiveReadOnlyIfPossible), MountPropagation: ptr.To(v1.MountPropagationHostToContainer)}
	if _, err := recursiveReadOnly(vm, able); err == nil {
		t.Error("what is mounted on the host would come writable")
	}
}
