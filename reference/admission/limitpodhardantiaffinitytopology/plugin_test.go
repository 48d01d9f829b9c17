package limitpodhardantiaffinitytopology

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func TestTopology(t *testing.T) {
	apart := func(key string) *corev1.Affinity {
		return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: key}}}}
	}
	wish := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
		{PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "zone"}}}}}
	for _, c := range []struct {
		affinity *corev1.Affinity
		want     string
	}{
		{nil, ""}, {wish, ""}, {apart("kubernetes.io/hostname"), ""},
		{apart("zone"), `pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed`},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Affinity: c.affinity}}
		if got := admissiontest.Message(admissiontest.Run(t, New(), admissiontest.Request{Object: pod, Resource: "pods"})); got != c.want {
			t.Errorf("got %q, wanted %q", got, c.want)
		}
	}
}
