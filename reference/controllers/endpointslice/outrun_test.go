package endpointslice

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

// Somebody deletes a slice so soon that the controller hears of it before its own request is answered.
func TestASliceDeletedAtOnceIsMadeAgain(t *testing.T) {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "u"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"}, ClusterIP: "10.96.0.9", ClusterIPs: []string{"10.96.0.9"},
			IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, Ports: []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}},
		},
	}
	client := fake.NewClientset(service)
	shared := informers.NewSharedInformerFactory(client, 0)
	events, _ := controllertest.Recorder()
	c := New(client, shared, events)

	made := 0
	client.PrependReactor("create", "endpointslices", func(action clienttesting.Action) (bool, runtime.Object, error) {
		made++
		slice := action.(clienttesting.CreateAction).GetObject().(*discoveryv1.EndpointSlice).DeepCopy()
		slice.Name, slice.UID, slice.Generation = "web-"+string(rune('a'+made)), types.UID(rune('a'+made)), 1
		if made == 1 {
			c.sliceChanged(nil, slice)
			c.sliceChanged(slice, nil)
		}
		return true, slice, nil
	})
	controllertest.Start(t, shared)

	key := types.NamespacedName{Namespace: "ns", Name: "web"}
	for range 2 {
		if again, err := c.Reconcile(t.Context(), key); again != 0 || err != nil {
			t.Fatalf("got %v, %v; wanted the slices settled", again, err)
		}
	}
	if made != 2 {
		t.Errorf("%d slices were made, wanted 2: the deleted one again", made)
	}
}
