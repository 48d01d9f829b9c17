package endpointslice

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func TestReconcileMakesASlice(t *testing.T) {
	selector := map[string]string{"app": "web"}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "s"},
		Spec: corev1.ServiceSpec{
			Selector: selector, ClusterIP: "10.96.0.9", IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol},
			Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: corev1.ProtocolTCP}},
		},
	}
	without := service.DeepCopy()
	without.Name, without.Spec.Selector = "by-hand", nil
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a", Labels: selector},
		Spec:       corev1.PodSpec{NodeName: "node-1"},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	client := fake.NewClientset(service, without, pod, node)
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, _ := controllertest.Recorder()
	c := New(client, shared, recorder)
	controllertest.Start(t, shared)
	for _, name := range []string{"web", "by-hand", "gone"} {
		if _, err := c.Reconcile(t.Context(), types.NamespacedName{Namespace: "default", Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := client.DiscoveryV1().EndpointSlices("default").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("slices %+v, error %v; want one, of the Service with a selector", list.Items, err)
	}
	slice := list.Items[0]
	if slice.Labels["endpointslice.kubernetes.io/managed-by"] != "endpointslice-controller.k8s.io" || slice.Labels["kubernetes.io/service-name"] != "web" {
		t.Errorf("labels %v", slice.Labels)
	}
	if len(slice.Endpoints) != 1 || slice.Endpoints[0].Addresses[0] != "10.0.0.1" || !*slice.Endpoints[0].Conditions.Ready || *slice.Ports[0].Port != 8080 {
		t.Errorf("slice %+v", slice)
	}
}
