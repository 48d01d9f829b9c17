package devicetainteviction

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

var key = types.NamespacedName{Namespace: "ns", Name: "p"}

func newPod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "uid-p"},
		Spec: corev1.PodSpec{NodeName: "n", ResourceClaims: []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimName: ptr.To("c")}}}}
}

func newClaim(tolerations ...resourcev1.DeviceToleration) *resourcev1.ResourceClaim {
	return &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c", UID: "uid-c"}, Status: resourcev1.ResourceClaimStatus{
		Allocation: &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
			{Request: "r", Driver: "d", Pool: "p", Device: "gpu-0", Tolerations: tolerations}}}},
		ReservedFor: []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: "p", UID: "uid-p"}}}}
}

func newSlice(taints ...resourcev1.DeviceTaint) *resourcev1.ResourceSlice {
	return &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "s", UID: "uid-s"}, Spec: resourcev1.ResourceSliceSpec{Driver: "d",
		Pool: resourcev1.ResourcePool{Name: "p", Generation: 1}, Devices: []resourcev1.Device{{Name: "gpu-0", Taints: taints}, {Name: "gpu-1"}}}}
}

func begin(t *testing.T, now *time.Time, objects ...runtime.Object) (*Controller, *fake.Clientset, func() []string) {
	client := fake.NewClientset(objects...)
	shared := informers.NewSharedInformerFactory(client, 0)
	events, told := controllertest.Recorder()
	c := New(client, shared, events)
	c.now = func() time.Time { return *now }
	controllertest.Start(t, shared)
	return c, client, told
}

func reconcile(t *testing.T, c *Controller, key types.NamespacedName, want time.Duration) {
	t.Helper()
	if wait, err := c.Reconcile(t.Context(), key); err != nil || wait != want {
		t.Fatalf("again in %s, %v; want %s", wait, err, want)
	}
}

func TestEvictsWhenTheTimeIsOver(t *testing.T) {
	now := t0.Add(time.Minute)
	c, client, told := begin(t, &now, newPod(), newClaim(resourcev1.DeviceToleration{Key: "k", Operator: exists, TolerationSeconds: ptr.To[int64](90)}),
		newSlice(resourcev1.DeviceTaint{Key: "k", Effect: noExecute, TimeAdded: ptr.To(metav1.NewTime(t0))}))
	reconcile(t, c, key, 30*time.Second)
	now = now.Add(30 * time.Second)
	reconcile(t, c, key, 0)
	if _, err := client.CoreV1().Pods("ns").Get(t.Context(), "p", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the pod is still there (%v)", err)
	}
	if got, want := told(), []string{"Normal DeviceTaintManagerEviction Marking for deletion"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	for _, action := range client.Actions() {
		if action.GetVerb() == "update" && action.GetSubresource() == "status" {
			return
		}
	}
	t.Error("the pod was not told why")
}

func TestSparesAPodWhoseTaintGoes(t *testing.T) {
	now := t0
	slice := newSlice(resourcev1.DeviceTaint{Key: "k", Effect: noExecute, TimeAdded: ptr.To(metav1.NewTime(t0))})
	c, _, told := begin(t, &now, newPod(), newClaim(resourcev1.DeviceToleration{Operator: exists, TolerationSeconds: ptr.To[int64](90)}), slice)
	reconcile(t, c, key, 90*time.Second)
	if err := c.slices.GetStore().Update(newSlice()); err != nil {
		t.Fatal(err)
	}
	reconcile(t, c, key, 0)
	if got, want := told(), []string{"Normal DeviceTaintManagerEviction Cancelling deletion"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// A taint in a slice that is no longer the pool's is none.
func TestIgnoresOldGenerations(t *testing.T) {
	now := t0
	next := newSlice()
	next.Name, next.UID, next.Spec.Pool.Generation = "t", "uid-t", 2
	c, client, _ := begin(t, &now, newPod(), newClaim(), newSlice(resourcev1.DeviceTaint{Key: "k", Effect: noExecute, TimeAdded: ptr.To(metav1.NewTime(t0))}), next)
	reconcile(t, c, key, 0)
	if _, err := client.CoreV1().Pods("ns").Get(t.Context(), "p", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func TestTellsOfARule(t *testing.T) {
	now := t0
	rule := newRule("r", &resourcev1.DeviceTaintSelector{Driver: ptr.To("d")}, none)
	c, client, _ := begin(t, &now, newPod(), newClaim(), newSlice(), rule)
	reconcile(t, c, types.NamespacedName{Name: "r"}, 0)
	told, err := client.ResourceV1().DeviceTaintRules().Get(t.Context(), "r", metav1.GetOptions{})
	if err != nil || len(told.Status.Conditions) != 1 {
		t.Fatalf("%+v, %v", told, err)
	}
	want := "2 published devices selected. 1 allocated device selected. 1 pod would be evicted in 1 namespace if the effect was NoExecute. " +
		"This information will not be updated again. Recreate the DeviceTaintRule to trigger an update."
	if got := told.Status.Conditions[0].Message; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
