package namespace

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func partial(kind, name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "going", Name: name, Finalizers: []string{"example.com/hold"}},
	}
}

// As long as a pod is there, nothing else is touched; then the rest goes.
func TestPodsGoFirst(t *testing.T) {
	for _, withPod := range []bool{true, false} {
		ns := &corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: "going", DeletionTimestamp: &metav1.Time{Time: t0}},
			Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
		}
		client := fake.NewClientset(ns)
		client.Discovery().(*fakediscovery.FakeDiscovery).Resources = []*metav1.APIResourceList{{
			GroupVersion: "v1", APIResources: []metav1.APIResource{
				{Name: "configmaps", Namespaced: true, Kind: "ConfigMap", Verbs: metav1.Verbs{"delete", "list"}},
				{Name: "pods", Namespaced: true, Kind: "Pod", Verbs: metav1.Verbs{"delete", "list"}},
			},
		}}
		scheme := metadatafake.NewTestScheme()
		if err := metav1.AddMetaToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		meta := metadatafake.NewSimpleMetadataClient(scheme, partial("ConfigMap", "settings"))
		if withPod {
			if err := meta.Tracker().Create(pods, partial("Pod", "web"), "going"); err != nil {
				t.Fatal(err)
			}
		}
		shared := informers.NewSharedInformerFactory(client, 0)
		c := New(client, meta, client.Discovery(), shared)
		controllertest.Start(t, shared)
		// The fake deletes at once what has a finalizer, so one pass shows who is
		// asked to go; the pod that is gone by its end holds the rest up no more.
		report := c.empty(t.Context(), "going")
		var deleted []string
		for _, action := range meta.Actions() {
			if action.GetVerb() == "delete" {
				deleted = append(deleted, action.GetResource().Resource)
			}
		}
		want := "configmaps"
		if withPod {
			want = "pods"
		}
		if len(deleted) == 0 || deleted[0] != want || !report.empty() {
			t.Errorf("with a pod: %t: deleted %v, report %+v; want %s first", withPod, deleted, report, want)
		}
		if _, err := c.Reconcile(t.Context(), types.NamespacedName{Name: "going"}); err != nil {
			t.Fatal(err)
		}
		finalized := false
		for _, action := range client.Actions() {
			finalized = finalized || action.GetSubresource() == "finalize"
		}
		if !finalized {
			t.Error("the empty namespace was not finalized")
		}
	}
}
