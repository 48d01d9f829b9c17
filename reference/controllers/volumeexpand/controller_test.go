package volumeexpand

import (
	"context"
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func size(s string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(s)}
}

func newClaim(asks, has string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c", UID: "c"},
		Spec:   corev1.PersistentVolumeClaimSpec{VolumeName: "v", Resources: corev1.VolumeResourceRequirements{Requests: size(asks)}},
		Status: corev1.PersistentVolumeClaimStatus{Phase: phase, Capacity: size(has)}}
}

func TestExpansion(t *testing.T) {
	csi := corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "d"}}
	disk := corev1.PersistentVolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "p"}}
	for name, test := range map[string]struct {
		claim   *corev1.PersistentVolumeClaim
		source  corev1.PersistentVolumeSource
		want    []string
		resizer string
	}{
		"content":   {newClaim("2Gi", "2Gi", corev1.ClaimBound), csi, nil, ""},
		"larger":    {newClaim("2Gi", "3Gi", corev1.ClaimBound), csi, nil, ""},
		"not bound": {newClaim("3Gi", "2Gi", corev1.ClaimPending), csi, nil, ""},
		"growing":   {newClaim("3Gi", "2Gi", corev1.ClaimBound), csi, []string{"Normal ExternalExpanding waiting for an external controller to expand this PVC"}, ""},
		"moved outside": {newClaim("3Gi", "2Gi", corev1.ClaimBound), disk,
			[]string{"Normal ExternalExpanding CSI migration enabled for pd.csi.storage.gke.io; waiting for external resizer to expand the pvc"}, "pd.csi.storage.gke.io"},
	} {
		t.Run(name, func(t *testing.T) {
			volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"},
				Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: test.source, ClaimRef: &corev1.ObjectReference{Namespace: "ns", Name: "c", UID: "c"}}}
			client := fake.NewClientset(test.claim, volume)
			shared := informers.NewSharedInformerFactory(client, 0)
			events, told := controllertest.Recorder()
			c := New(client, shared, events, nil)
			controllertest.Start(t, shared)
			if _, err := c.Reconcile(t.Context(), controller.Key(test.claim)); err != nil {
				t.Fatal(err)
			}
			if got := told(); !slices.Equal(got, test.want) {
				t.Errorf("told %q, want %q", got, test.want)
			}
			got, err := client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "c", metav1.GetOptions{})
			if err != nil || got.Annotations[ResizerAnnotation] != test.resizer {
				t.Errorf("the claim has %v, %v", got.Annotations, err)
			}
		})
	}
}

// limited expands up to a limit.
type limited struct{ limit resource.Quantity }

func (l limited) Expand(_ context.Context, _ *corev1.PersistentVolume, size resource.Quantity) error {
	if size.Cmp(l.limit) > 0 {
		return errors.New("too large")
	}
	return nil
}

func TestABuiltInExpanderIsAsked(t *testing.T) {
	for asks, test := range map[string]struct {
		want string
		told string
	}{
		"3Gi": {"3Gi", "Normal VolumeResizeSuccessful ExpandVolume succeeded for volume ns/c"},
		"9Gi": {"2Gi", `Warning VolumeResizeFailed resize volume "v" failed: too large`},
	} {
		claim := newClaim(asks, "2Gi", corev1.ClaimBound)
		volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v", Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "x"}},
			Spec: corev1.PersistentVolumeSpec{Capacity: size("2Gi"), ClaimRef: &corev1.ObjectReference{Namespace: "ns", Name: "c", UID: "c"}}}
		client := fake.NewClientset(claim, volume)
		shared := informers.NewSharedInformerFactory(client, 0)
		events, told := controllertest.Recorder()
		c := New(client, shared, events, map[string]Expander{"x": limited{resource.MustParse("4Gi")}})
		controllertest.Start(t, shared)
		_, err := c.Reconcile(t.Context(), controller.Key(claim))
		if (err == nil) != (asks == test.want) {
			t.Errorf("%s: got %v", asks, err)
		}
		if got := told(); !slices.Equal(got, []string{test.told}) {
			t.Errorf("%s: told %q, want %q", asks, got, test.told)
		}
		v, err := client.CoreV1().PersistentVolumes().Get(t.Context(), "v", metav1.GetOptions{})
		if err != nil || v.Spec.Capacity.Storage().String() != test.want {
			t.Errorf("%s: the volume has %v, %v", asks, v.Spec.Capacity, err)
		}
		got, err := client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "c", metav1.GetOptions{})
		if err != nil || got.Status.Capacity.Storage().String() != test.want {
			t.Errorf("%s: the claim has %v, %v", asks, got.Status.Capacity, err)
		}
	}
}

func TestGrew(t *testing.T) {
	small, large := newClaim("2Gi", "2Gi", corev1.ClaimBound), newClaim("3Gi", "2Gi", corev1.ClaimBound)
	if !grew(nil, small) || !grew(small, large) || grew(large, large) || grew(large, small) {
		t.Error("a claim grows when it is first seen, and when it asks for more than before")
	}
}
