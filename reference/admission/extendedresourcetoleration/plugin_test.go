package extendedresourcetoleration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func TestTolerations(t *testing.T) {
	asks := func(names ...corev1.ResourceName) corev1.Container {
		c := corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{}}}
		for _, name := range names {
			c.Resources.Requests[name] = resource.MustParse("1")
		}
		return c
	}
	tolerates := func(key string) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: "Exists", Effect: "NoSchedule"}
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: []corev1.Toleration{tolerates("example.com/c")},
		InitContainers: []corev1.Container{asks("example.com/b", "cpu")},
		Containers:     []corev1.Container{asks("example.com/c", "example.com/a", "hugepages-2Mi", "x.kubernetes.io/own"), asks("example.com/b")}}}
	for range 2 {
		if err := admissiontest.Run(t, New(), admissiontest.Request{Object: pod, Resource: "pods"}); err != nil {
			t.Fatal(err)
		}
	}
	want := []corev1.Toleration{tolerates("example.com/c"), tolerates("example.com/a"), tolerates("example.com/b")}
	if d := cmp.Diff(want, pod.Spec.Tolerations); d != "" {
		t.Error(d)
	}
}
