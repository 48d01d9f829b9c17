package objects

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRefsNameEveryObjectOnce(t *testing.T) {
	name := func(n string) v1.LocalObjectReference { return v1.LocalObjectReference{Name: n} }
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: v1.PodSpec{
		ImagePullSecrets: []v1.LocalObjectReference{name("pull")},
		InitContainers:   []v1.Container{{EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: name("a")}}}}},
		Containers: []v1.Container{{Env: []v1.EnvVar{
			{ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: name("b")}}},
			{ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: name("a")}}},
		}}},
		Volumes: []v1.Volume{
			{VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "c"}}},
			{VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
				{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: name("d")}}, {Secret: &v1.SecretProjection{LocalObjectReference: name("c")}},
			}}}},
		},
	}}
	want := []Ref{{Secret, "ns", "pull"}, {ConfigMap, "ns", "a"}, {Secret, "ns", "b"}, {Secret, "ns", "c"}, {ConfigMap, "ns", "d"}}
	if diff := cmp.Diff(want, Refs(pod)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
