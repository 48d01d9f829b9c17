package ephemeralvolume

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

// newPod has an ephemeral volume of each name, and another volume.
func newPod(volumes ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "web-uid"},
		Spec: corev1.PodSpec{Volumes: []corev1.Volume{{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}}}
	for _, name := range volumes {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}},
				Spec:       corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
			}}}})
	}
	return pod
}

func names(claims []*corev1.PersistentVolumeClaim) []string {
	var all []string
	for _, c := range claims {
		all = append(all, c.Name)
	}
	return all
}

func TestPlan(t *testing.T) {
	foreign := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-data"}}
	own := claimFor(newPod("data"), &newPod("data").Spec.Volumes[1])
	former := own.DeepCopy()
	former.OwnerReferences[0].UID = "another"
	ended, going := newPod("data"), newPod("data")
	ended.Status.Phase = corev1.PodFailed
	going.DeletionTimestamp = &metav1.Time{}
	for name, test := range map[string]struct {
		pod     *corev1.Pod
		have    *corev1.PersistentVolumeClaim
		want    []string
		refused bool
	}{
		"none":              {newPod(), nil, nil, false},
		"missing":           {newPod("data", "cache"), nil, []string{"web-data", "web-cache"}, false},
		"made":              {newPod("data", "cache"), own, []string{"web-cache"}, false},
		"somebody else's":   {newPod("data"), foreign, nil, true},
		"a former pod's":    {newPod("data"), former, nil, true},
		"the pod has ended": {ended, nil, nil, false},
		"the pod is going":  {going, nil, nil, false},
	} {
		missing, refused := plan(test.pod, func(name string) *corev1.PersistentVolumeClaim {
			if test.have != nil && test.have.Name == name {
				return test.have
			}
			return nil
		})
		if got := names(missing); !slices.Equal(got, test.want) || (len(refused) > 0) != test.refused {
			t.Errorf("%s: missing %v, refused %v", name, got, refused)
		}
	}
	if !metav1.IsControlledBy(own, newPod()) || own.Labels["a"] != "b" || own.Annotations["c"] != "d" || len(own.Spec.AccessModes) != 1 {
		t.Errorf("the claim is %+v", own)
	}
}

func start(t *testing.T, objects ...runtime.Object) (*Controller, *fake.Clientset, func() []string) {
	client := fake.NewClientset(objects...)
	shared := informers.NewSharedInformerFactory(client, 0)
	events, told := controllertest.Recorder()
	c := New(client, shared, events)
	controllertest.Start(t, shared)
	return c, client, told
}

// However late the cache learns of the claim that was made.
func TestMakesEachClaimOnce(t *testing.T) {
	c, client, _ := start(t, newPod("data"))
	created := 0
	client.PrependReactor("create", "persistentvolumeclaims", func(a clienttesting.Action) (bool, runtime.Object, error) {
		created++
		claim := a.(clienttesting.CreateAction).GetObject().(*corev1.PersistentVolumeClaim).DeepCopy()
		claim.UID, claim.ResourceVersion = "c", "1000000"
		return true, claim, nil // nobody hears of it
	})
	for range 3 {
		if _, err := c.Reconcile(t.Context(), controller.Key(newPod())); err != nil {
			t.Fatal(err)
		}
	}
	if created != 1 {
		t.Errorf("made the claim %d times", created)
	}
}

func TestTellsWhatIsInTheWay(t *testing.T) {
	c, client, told := start(t, newPod("data"), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-data"}})
	if _, err := c.Reconcile(t.Context(), controller.Key(newPod())); err != nil {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "Warning FailedBinding ephemeral volume data: PVC ns/web-data was not created for pod ns/web") {
		t.Errorf("told %q", got)
	}
	client.PrependReactor("create", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("over quota")
	})
	if _, err := c.Reconcile(t.Context(), controller.Key(newPod())); err != nil {
		t.Errorf("it is tried again: %v", err)
	}
	missing := newPod("data")
	missing.Name = "db"
	c, client, told = start(t, missing)
	client.PrependReactor("create", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("over quota")
	})
	if _, err := c.Reconcile(t.Context(), controller.Key(missing)); err == nil {
		t.Error("it is not tried again")
	}
	if got, want := told(), []string{"Warning FailedBinding ephemeral volume data: create PVC db-data: over quota"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}
