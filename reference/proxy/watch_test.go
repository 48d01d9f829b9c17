package proxy

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

func aService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       corev1.ServiceSpec{ClusterIP: "10.96.0.10", Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

func aSlice() *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "web-x", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: ptr.To(""), Port: ptr.To[int32](8080)}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.244.1.2"}}},
	}
}

var web = types.NamespacedName{Namespace: "default", Name: "web"}

// TestWatchAPIServer watches a real API server as the user that proxies are.
func TestWatchAPIServer(t *testing.T) {
	server := apiservertest.New(t)
	admin, err := kubernetes.NewForConfig(server.Config)
	must(t, err)
	_, err = admin.CoreV1().Services("default").Create(t.Context(), aService(), metav1.CreateOptions{})
	must(t, err)
	client, err := kubernetes.NewForConfig(clientConfig(server.User("system:kube-proxy")))
	must(t, err)
	d := newDirty()
	source, err := watch(t.Context(), client, "node-1", d)
	must(t, err)
	if got := source(web); len(got) != 1 || len(got[0].Cluster) != 0 {
		t.Fatalf("got %+v, want one port without endpoints", got)
	}
	d.take()
	_, err = admin.DiscoveryV1().EndpointSlices("default").Create(t.Context(), aSlice(), metav1.CreateOptions{})
	must(t, err)
	for !slices.Contains(d.take(), web) {
		<-d.signal
	}
	if got := source(web); len(got) != 1 || len(got[0].Cluster) != 1 {
		t.Fatalf("got %+v, want one endpoint", got)
	}
}

func TestWatch(t *testing.T) {
	slice := aSlice()
	client := fake.NewClientset(aService(), slice)
	d := newDirty()
	source, err := watch(t.Context(), client, "node-1", d)
	must(t, err)
	if got := d.take(); !slices.Contains(got, web) {
		t.Fatalf("dirty are %v, want %v among them", got, web)
	}
	if got := source(web); len(got) != 1 || len(got[0].Cluster) != 1 {
		t.Fatalf("got %+v, want one port with one endpoint", got)
	}
	for len(d.signal) > 0 {
		<-d.signal
	}

	// A slice that changes hands concerns both Services.
	slice = slice.DeepCopy()
	slice.Labels[discoveryv1.LabelServiceName] = "other"
	if _, err := client.DiscoveryV1().EndpointSlices("default").Update(t.Context(), slice, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	var marked []types.NamespacedName
	for !slices.Contains(marked, types.NamespacedName{Namespace: "default", Name: "other"}) {
		<-d.signal
		marked = append(marked, d.take()...)
	}
	if !slices.Contains(marked, web) {
		t.Errorf("dirty are %v, want %v among them", marked, web)
	}
	if got := source(web); len(got) != 1 || len(got[0].Cluster) != 0 {
		t.Errorf("got %+v, want no endpoint", got)
	}
	if got := source(types.NamespacedName{Namespace: "default", Name: "other"}); got != nil {
		t.Errorf("got %+v for a Service that does not exist", got)
	}
}
