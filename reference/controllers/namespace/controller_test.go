package namespace

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func partial(kind, name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "going", Name: name, Finalizers: []string{"example.com/hold"}},
	}
}

// fixture is a deleted namespace with a ConfigMap, and a pod if pod is set, which
// takes its time to go.
func fixture(t *testing.T, pod bool) (c *Controller, touched func() []string) {
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
	if pod {
		if err := meta.Tracker().Create(pods, partial("Pod", "web"), "going"); err != nil {
			t.Fatal(err)
		}
	}
	meta.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, nil })
	shared := informers.NewSharedInformerFactory(client, 0)
	c = New(client, meta, client.Discovery(), shared)
	controllertest.Start(t, shared)
	return c, func() []string {
		var all []string
		for _, action := range append(meta.Actions(), client.Actions()...) {
			if action.GetVerb() == "delete" || action.GetSubresource() == "finalize" {
				all = append(all, action.GetVerb()+" "+action.GetResource().Resource)
			}
		}
		return all
	}
}

// As long as a pod is there, nothing else is touched.
func TestPodsGoFirst(t *testing.T) {
	c, touched := fixture(t, true)
	requeue, err := c.Reconcile(t.Context(), types.NamespacedName{Name: "going"})
	if err != nil || requeue == 0 {
		t.Errorf("look again in %s, error %v; want to wait for the pod", requeue, err)
	}
	if got, want := touched(), []string{"delete pods"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestEmptyNamespaceIsFinalized(t *testing.T) {
	c, touched := fixture(t, false)
	if requeue, err := c.Reconcile(t.Context(), types.NamespacedName{Name: "going"}); err != nil || requeue != 0 {
		t.Errorf("look again in %s, error %v", requeue, err)
	}
	if got, want := touched(), []string{"delete configmaps", "create namespaces"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
