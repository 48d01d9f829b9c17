package controller

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

func TestServicesOf(t *testing.T) {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, s := range []struct{ namespace, name, app string }{{"a", "web", "web"}, {"a", "db", "db"}, {"b", "web", "web"}} {
		if err := indexer.Add(&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": s.app}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	pod := func(version, app, ip string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p", ResourceVersion: version, Labels: map[string]string{"app": app}},
			Status:     corev1.PodStatus{PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}},
		}
	}
	web, db := types.NamespacedName{Namespace: "a", Name: "web"}, types.NamespacedName{Namespace: "a", Name: "db"}
	for _, c := range []struct {
		name        string
		before, now *corev1.Pod
		want        []types.NamespacedName
	}{
		{"new", nil, pod("1", "web", ""), []types.NamespacedName{web}},
		{"gone", pod("1", "web", ""), nil, []types.NamespacedName{web}},
		{"got its address", pod("1", "web", ""), pod("2", "web", "10.0.0.1"), []types.NamespacedName{web}},
		{"relabelled", pod("1", "web", "10.0.0.1"), pod("2", "db", "10.0.0.1"), []types.NamespacedName{db, web}},
		{"nothing that matters", pod("1", "web", "10.0.0.1"), pod("2", "web", "10.0.0.1"), nil},
	} {
		got := ServicesOf(corelisters.NewServiceLister(indexer), c.before, c.now)
		slices.SortFunc(got, func(a, b types.NamespacedName) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, wanted %v", c.name, got, c.want)
		}
	}
}
