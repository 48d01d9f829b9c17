package persistentvolumeclaimresize

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func claim(class *string, size string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c"},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: class, Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}}},
		Status: corev1.PersistentVolumeClaimStatus{Phase: phase},
	}
}

func TestResize(t *testing.T) {
	shared := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	p := New()
	p.SetExternalKubeInformerFactory(shared)
	p.SetReadyFunc(func() bool { return true })
	for name, allow := range map[string]*bool{"grows": ptr.To(true), "fixed": ptr.To(false), "unsaid": nil} {
		if err := shared.Storage().V1().StorageClasses().Informer().GetStore().Add(
			&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, AllowVolumeExpansion: allow}); err != nil {
			t.Fatal(err)
		}
	}
	annotated := claim(nil, "1Gi", corev1.ClaimBound)
	annotated.Annotations = map[string]string{corev1.BetaStorageClassAnnotation: "grows"}
	annotatedBigger := annotated.DeepCopy()
	annotatedBigger.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
	const forbidden = `persistentvolumeclaims "c" is forbidden: `
	for name, c := range map[string]struct {
		old, now *corev1.PersistentVolumeClaim
		want     string
	}{
		"the class allows it": {claim(ptr.To("grows"), "1Gi", corev1.ClaimBound), claim(ptr.To("grows"), "2Gi", corev1.ClaimBound), ""},
		"by annotation":       {annotated, annotatedBigger, ""},
		"same size":           {claim(ptr.To("fixed"), "1Gi", corev1.ClaimPending), claim(ptr.To("fixed"), "1024Mi", corev1.ClaimPending), ""},
		"smaller":             {claim(ptr.To("fixed"), "2Gi", corev1.ClaimBound), claim(ptr.To("fixed"), "1Gi", corev1.ClaimBound), ""},
		"not bound":           {claim(ptr.To("grows"), "1Gi", corev1.ClaimPending), claim(ptr.To("grows"), "2Gi", corev1.ClaimPending), forbidden + errUnbound.Error()},
		"forbidden":           {claim(ptr.To("fixed"), "1Gi", corev1.ClaimBound), claim(ptr.To("fixed"), "2Gi", corev1.ClaimBound), forbidden + errClass.Error()},
		"not said":            {claim(ptr.To("unsaid"), "1Gi", corev1.ClaimBound), claim(ptr.To("unsaid"), "2Gi", corev1.ClaimBound), forbidden + errClass.Error()},
		"no such class":       {claim(ptr.To("gone"), "1Gi", corev1.ClaimBound), claim(ptr.To("gone"), "2Gi", corev1.ClaimBound), forbidden + errClass.Error()},
		"no class":            {claim(ptr.To(""), "1Gi", corev1.ClaimBound), claim(ptr.To(""), "2Gi", corev1.ClaimBound), forbidden + errClass.Error()},
		"another class":       {claim(ptr.To("fixed"), "1Gi", corev1.ClaimBound), claim(ptr.To("grows"), "2Gi", corev1.ClaimBound), forbidden + errClass.Error()},
	} {
		err := admissiontest.Run(t, p, admissiontest.Request{Object: c.now, Old: c.old, Resource: "persistentvolumeclaims", Operation: admission.Update})
		if got := admissiontest.Message(err); got != c.want {
			t.Errorf("%s: got %q, wanted %q", name, got, c.want)
		}
	}
}
