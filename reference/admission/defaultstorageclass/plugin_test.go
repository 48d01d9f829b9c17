package defaultstorageclass

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func class(name string, second int64, annotations ...string) *storagev1.StorageClass {
	c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(second, 0)), Annotations: map[string]string{}}}
	for _, a := range annotations {
		c.Annotations[a] = "true"
	}
	return c
}

func TestDefault(t *testing.T) {
	no := class("no", 9)
	no.Annotations[annotation] = "false"
	for name, c := range map[string]struct {
		classes []*storagev1.StorageClass
		claim   corev1.PersistentVolumeClaim
		want    *string
	}{
		"no class":       {nil, corev1.PersistentVolumeClaim{}, nil},
		"none is marked": {[]*storagev1.StorageClass{no, class("plain", 1)}, corev1.PersistentVolumeClaim{}, nil},
		"one":            {[]*storagev1.StorageClass{no, class("a", 1, annotation)}, corev1.PersistentVolumeClaim{}, ptr.To("a")},
		"by the beta annotation": {[]*storagev1.StorageClass{class("a", 1, betaAnnotation)}, corev1.PersistentVolumeClaim{},
			ptr.To("a")},
		"the newest": {[]*storagev1.StorageClass{class("a", 1, annotation), class("c", 3, annotation), class("b", 2, annotation)},
			corev1.PersistentVolumeClaim{}, ptr.To("c")},
		"of one age the first by name": {[]*storagev1.StorageClass{class("c", 1, annotation), class("b", 1, annotation), class("d", 1, betaAnnotation)},
			corev1.PersistentVolumeClaim{}, ptr.To("b")},
		"the claim names one": {[]*storagev1.StorageClass{class("a", 1, annotation)},
			corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("own")}}, ptr.To("own")},
		"the claim wants none": {[]*storagev1.StorageClass{class("a", 1, annotation)},
			corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("")}}, ptr.To("")},
		"the claim is annotated": {[]*storagev1.StorageClass{class("a", 1, annotation)},
			corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.BetaStorageClassAnnotation: "own"}}}, nil},
	} {
		shared := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
		p := New()
		p.SetExternalKubeInformerFactory(shared)
		p.SetReadyFunc(func() bool { return true })
		for _, sc := range c.classes {
			if err := shared.Storage().V1().StorageClasses().Informer().GetStore().Add(sc); err != nil {
				t.Fatal(err)
			}
		}
		claim := c.claim.DeepCopy()
		if err := admissiontest.Run(t, p, admissiontest.Request{Object: claim, Resource: "persistentvolumeclaims"}); err != nil {
			t.Fatal(err)
		}
		if !ptr.Equal(claim.Spec.StorageClassName, c.want) {
			t.Errorf("%s: got %q, wanted %q", name, ptr.Deref(claim.Spec.StorageClassName, "<nil>"), ptr.Deref(c.want, "<nil>"))
		}
	}
}
