package podqos_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/podqos"
)

func resources(requests, limits string) corev1.ResourceRequirements {
	parse := func(s string) corev1.ResourceList {
		list := corev1.ResourceList{}
		for _, pair := range strings.Fields(s) {
			name, quantity, _ := strings.Cut(pair, "=")
			list[corev1.ResourceName(name)] = resource.MustParse(quantity)
		}
		return list
	}
	return corev1.ResourceRequirements{Requests: parse(requests), Limits: parse(limits)}
}

func TestClass(t *testing.T) {
	type r = corev1.ResourceRequirements
	full := resources("cpu=1 memory=1Gi", "cpu=1 memory=1Gi")
	for _, c := range []struct {
		name        string
		pod         *r
		inits, apps []r
		want        corev1.PodQOSClass
	}{
		{name: "nothing", apps: []r{{}}, want: corev1.PodQOSBestEffort},
		{name: "other resources only", apps: []r{resources("ephemeral-storage=1Gi", "example.com/gpu=1")}, want: corev1.PodQOSBestEffort},
		{name: "zeroes", apps: []r{resources("cpu=0", "memory=0")}, want: corev1.PodQOSBestEffort},
		{name: "requests equal limits", apps: []r{full, full}, want: corev1.PodQOSGuaranteed},
		{name: "equal in other units", apps: []r{resources("cpu=1000m memory=1024Mi", "cpu=1 memory=1Gi")}, want: corev1.PodQOSGuaranteed},
		{name: "one container without", apps: []r{full, {}}, want: corev1.PodQOSBurstable},
		{name: "memory unlimited", apps: []r{resources("cpu=1", "cpu=1")}, want: corev1.PodQOSBurstable},
		{name: "requests below limits", apps: []r{resources("cpu=1 memory=1Gi", "cpu=2 memory=1Gi")}, want: corev1.PodQOSBurstable},
		{name: "init container without", inits: []r{{}}, apps: []r{full}, want: corev1.PodQOSBurstable},
		{name: "init container too", inits: []r{full}, apps: []r{full}, want: corev1.PodQOSGuaranteed},
		{name: "requests of the pod", pod: ptr.To(resources("cpu=1", "")), apps: []r{{}}, want: corev1.PodQOSBurstable},
		{name: "limits of the pod", pod: &full, apps: []r{{}}, want: corev1.PodQOSGuaranteed},
	} {
		spec := &corev1.PodSpec{Resources: c.pod}
		for _, r := range c.inits {
			spec.InitContainers = append(spec.InitContainers, corev1.Container{Resources: r})
		}
		for _, r := range c.apps {
			spec.Containers = append(spec.Containers, corev1.Container{Resources: r})
		}
		if got := podqos.Class(spec); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
