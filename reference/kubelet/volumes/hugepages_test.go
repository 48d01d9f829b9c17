package volumes

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestHugePageSize(t *testing.T) {
	for _, c := range []struct {
		medium v1.StorageMedium
		asked  []v1.ResourceName
		want   int64
	}{
		{"HugePages", []v1.ResourceName{"hugepages-2Mi"}, 2 << 20},
		{"HugePages", []v1.ResourceName{"hugepages-2Mi", "hugepages-1Gi"}, 0},
		{"HugePages", []v1.ResourceName{"memory"}, 0},
		{"HugePages-1Gi", []v1.ResourceName{"hugepages-2Mi", "hugepages-1Gi"}, 1 << 30},
		{"HugePages-1Gi", []v1.ResourceName{"hugepages-2Mi"}, 0},
		{"HugePages-x", []v1.ResourceName{"hugepages-x"}, 0},
		{"Tape", []v1.ResourceName{"hugepages-2Mi"}, 0},
	} {
		pod := withVolumes()
		pod.Spec.Containers[0].Resources.Requests = v1.ResourceList{}
		for _, name := range c.asked {
			pod.Spec.Containers[0].Resources.Requests[name] = resource.MustParse("4Gi")
		}
		got, err := hugePageSize(pod, &v1.EmptyDirVolumeSource{Medium: c.medium})
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s with requests for %v: got %d, %v; want %d", c.medium, c.asked, got, err, c.want)
		}
	}
}
