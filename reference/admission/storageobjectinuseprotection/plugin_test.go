package storageobjectinuseprotection

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func TestFinalizers(t *testing.T) {
	own := metav1.ObjectMeta{Finalizers: []string{"example.com/own"}}
	for _, c := range []struct {
		object   runtime.Object
		resource string
		want     []string
	}{
		{&corev1.PersistentVolume{}, "persistentvolumes", []string{"kubernetes.io/pv-protection"}},
		{&corev1.PersistentVolumeClaim{ObjectMeta: own}, "persistentvolumeclaims", []string{"example.com/own", "kubernetes.io/pvc-protection"}},
		{&storagev1.VolumeAttributesClass{}, "volumeattributesclasses", []string{"kubernetes.io/vac-protection"}},
		{&storagev1.StorageClass{}, "storageclasses", nil},
		{&corev1.Pod{}, "pods", nil},
	} {
		for range 2 { // again: it must not add twice
			if err := admissiontest.Run(t, New(), admissiontest.Request{Object: c.object, Resource: c.resource}); err != nil {
				t.Fatal(err)
			}
		}
		m, err := meta.Accessor(c.object)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.GetFinalizers(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, wanted %v", c.resource, got, c.want)
		}
	}
}

func TestUpdatesAreLeftAlone(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{}
	err := admissiontest.Run(t, New(), admissiontest.Request{Object: claim, Old: claim, Resource: "persistentvolumeclaims", Operation: admission.Update})
	if err != nil || len(claim.Finalizers) > 0 {
		t.Errorf("an update got %v, %v", claim.Finalizers, err)
	}
}
