package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/ptr"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestClaimDataSource(t *testing.T) {
	claim := &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "a"}
	claimRef := &corev1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "a"}
	thing := &corev1.TypedLocalObjectReference{APIGroup: ptr.To("example.com"), Kind: "Thing", Name: "a"}
	thingRef := &corev1.TypedObjectReference{APIGroup: ptr.To("example.com"), Kind: "Thing", Name: "a"}
	elsewhere := &corev1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "a", Namespace: ptr.To("b")}
	type sources struct {
		source *corev1.TypedLocalObjectReference
		ref    *corev1.TypedObjectReference
	}
	for _, c := range []struct {
		name      string
		sent, got sources
	}{
		{"none", sources{}, sources{}},
		{"the older field", sources{claim, nil}, sources{claim, claimRef}},
		{"the newer field", sources{nil, claimRef}, sources{claim, claimRef}},
		{"the older field ignores what it does not know", sources{thing, nil}, sources{}},
		{"the newer field takes anything", sources{nil, thingRef}, sources{thing, thingRef}},
		{"another namespace is off", sources{nil, elsewhere}, sources{}},
	} {
		pvc := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{DataSource: c.sent.source, DataSourceRef: c.sent.ref}}
		dropClaim(pvc, nil)
		copyDataSource(&pvc.Spec)
		if !equality.Semantic.DeepEqual(pvc.Spec.DataSource, c.got.source) || !equality.Semantic.DeepEqual(pvc.Spec.DataSourceRef, c.got.ref) {
			t.Errorf("%s: got %v and %v", c.name, pvc.Spec.DataSource, pvc.Spec.DataSourceRef)
		}
	}
}

// A field whose feature is off is not an error, it is not stored.
func TestPodWithoutDisabledFields(t *testing.T) {
	p := newPods(t)
	pod := defaulted(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default"},
		Spec: corev1.PodSpec{
			Containers:      []corev1.Container{{Name: "c", Image: "tool"}},
			SchedulingGroup: &corev1.PodSchedulingGroup{PodGroupName: ptr.To("g")},
		},
	})
	if _, err := p.REST("pods").Create(p.ctx, pod, rest.ValidateAllObjectFunc, &metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	stored, err := p.get("a")
	if err != nil {
		t.Fatal(err)
	}
	if stored.Spec.SchedulingGroup != nil {
		t.Errorf("stored: %v", stored.Spec.SchedulingGroup)
	}
}
