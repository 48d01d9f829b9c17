package podtopologylabels

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func TestLabels(t *testing.T) {
	const zone, region = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
	shared := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	p := New()
	p.SetExternalKubeInformerFactory(shared)
	p.SetReadyFunc(func() bool { return true })
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{zone: "z", region: "r", "topology.kubernetes.io/rack": "7", "kubernetes.io/hostname": "n"}}}
	if err := shared.Core().V1().Nodes().Informer().GetStore().Add(node); err != nil {
		t.Fatal(err)
	}
	binding := func(kind, name string, labels map[string]string) *corev1.Binding {
		return &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", Labels: labels}, Target: corev1.ObjectReference{Kind: kind, Name: name}}
	}
	both := map[string]string{zone: "z", region: "r"}
	for name, c := range map[string]struct {
		object                runtime.Object
		resource, subresource string
		want                  map[string]string
	}{
		"bound":        {binding("Node", "n", nil), "pods", "binding", both},
		"older way":    {binding("", "n", nil), "bindings", "", both},
		"overwritten":  {binding("Node", "n", map[string]string{zone: "mine", "a": "b"}), "pods", "binding", map[string]string{zone: "z", region: "r", "a": "b"}},
		"unknown node": {binding("Node", "m", nil), "pods", "binding", nil},
		"no node":      {binding("Pod", "n", nil), "pods", "binding", nil},
		"made there":   {&corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}, "pods", "", both},
		"made nowhere": {&corev1.Pod{}, "pods", "", nil},
		"another":      {&corev1.Service{}, "services", "", nil},
	} {
		if err := admissiontest.Run(t, p, admissiontest.Request{Object: c.object, Resource: c.resource, Subresource: c.subresource}); err != nil {
			t.Fatal(err)
		}
		m, err := meta.Accessor(c.object)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.GetLabels(); !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, wanted %v", name, got, c.want)
		}
	}
}
