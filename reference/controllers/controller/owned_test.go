package controller

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

func TestByController(t *testing.T) {
	informer := cache.NewSharedIndexInformer(nil, &corev1.Pod{}, 0, cache.Indexers{})
	find := ByController[*corev1.Pod](informer)
	for _, p := range []struct {
		namespace, name string
		owner           types.UID
		controls        bool
	}{
		{"a", "mine", "me", true},
		{"a", "orphan", "", false},
		{"a", "owned but not controlled", "me", false},
		{"a", "another's", "other", true},
		{"b", "orphan elsewhere", "", false},
		{"b", "of a namesake elsewhere", "me", true},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: p.name}}
		if p.owner != "" {
			pod.OwnerReferences = []metav1.OwnerReference{{UID: p.owner, Controller: ptr.To(p.controls)}}
		}
		if err := informer.GetIndexer().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, pod := range find(&corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Namespace: "a", UID: "me"}}) {
		got = append(got, pod.Name)
	}
	slices.Sort(got)
	if want := []string{"mine", "orphan", "owned but not controlled"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
