package status

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

func TestWhole(t *testing.T) {
	list := func(cpu string) v1.ResourceList { return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)} }
	both := func(cpu string) *v1.ResourceRequirements {
		return &v1.ResourceRequirements{Requests: list(cpu), Limits: list(cpu)}
	}
	runs := &runtime.Pod{Sandboxes: []runtime.Sandbox{{ID: "s", Ready: true}}}
	containers := []v1.Container{{Name: "a", Resources: *both("1")}, {Name: "b", Resources: *both("500m")}}
	for name, c := range map[string]struct {
		spec      v1.PodSpec
		state     *runtime.Pod
		had       *v1.ResourceRequirements
		resize    Resize
		allocated v1.ResourceList
		resources *v1.ResourceRequirements
	}{
		"the sum of the containers":  {v1.PodSpec{Containers: containers, Overhead: list("2")}, runs, nil, Resize{}, list("1500m"), nil},
		"nothing":                    {v1.PodSpec{Containers: []v1.Container{{Name: "a"}}}, runs, nil, Resize{}, nil, nil},
		"the pod's own":              {v1.PodSpec{Containers: containers, Resources: both("4")}, runs, nil, Resize{}, list("4"), both("4")},
		"without a cgroup":           {v1.PodSpec{Containers: containers, Resources: both("4")}, &runtime.Pod{}, nil, Resize{}, list("4"), nil},
		"a change that is under way": {v1.PodSpec{Containers: containers, Resources: both("4")}, runs, both("3"), Resize{Generation: 2}, list("4"), both("3")},
	} {
		in := Input{Pod: &v1.Pod{Spec: c.spec, Status: v1.PodStatus{Resources: c.had}}, State: c.state, Resize: c.resize}
		var got v1.PodStatus
		whole(in, &got)
		if diff := cmp.Diff(v1.PodStatus{AllocatedResources: c.allocated, Resources: c.resources}, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
