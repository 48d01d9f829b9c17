package admission

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// claimOf asks for storage of the class; nil: of the default one.
func claimOf(name string, class *string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: class,
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}}}
}

var _ = Describe("what admission adds to storage objects", func() {
	f := New()

	// Serial: while it runs, it makes the cluster's default class.
	f.It("admission/default-storage-class", func(ctx SpecContext) {
		f.CreateForCluster(ctx, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
			Provisioner: "conformance.etalon.dev/none"})
		f.WaitUntil(ctx, "a claim gets the newest default class", SettleTimeout, func(ctx context.Context) (bool, string) {
			got, err := f.API.CoreV1().PersistentVolumeClaims(f.Namespace).Create(ctx, claimOf("c", nil), dryRun)
			if err != nil {
				return false, err.Error()
			}
			return ptr.Deref(got.Spec.StorageClassName, "") == f.Namespace, "its class is " + ptr.Deref(got.Spec.StorageClassName, "unset")
		})
	}, Serial)

	f.It("admission/default-storage-class-declined", func(ctx SpecContext) {
		got, err := f.API.CoreV1().PersistentVolumeClaims(f.Namespace).Create(ctx, claimOf("c", ptr.To("")), dryRun)
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Spec.StorageClassName).To(HaveValue(BeEmpty()))
	})

	f.It("admission/claim-protection", func(ctx SpecContext) {
		c := claimOf("c", ptr.To("none-such-"+f.Namespace))
		f.Create(ctx, c)
		Expect(c.Finalizers).To(ContainElement("kubernetes.io/pvc-protection"))
		f.Delete(ctx, c)
		f.WaitGone(ctx, c)
	})

	f.It("admission/volume-protection", func(ctx SpecContext) {
		v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Spec: corev1.PersistentVolumeSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: "none-such-" + f.Namespace,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/tmp/" + f.Namespace}}}}
		f.CreateForCluster(ctx, v)
		Expect(v.Finalizers).To(ContainElement("kubernetes.io/pv-protection"))
		f.Delete(ctx, v)
		f.WaitGone(ctx, v)
	})

	f.It("admission/claim-resize-unbound", func(ctx SpecContext) {
		c := claimOf("c", ptr.To("none-such-"+f.Namespace))
		f.Create(ctx, c)
		err := f.TryEdit(ctx, c, func() { c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi") })
		Expect(err).To(HaveOccurred(), "an unbound claim grew")
		if !isInvalid(err) { // validation may speak before admission does
			MustRefuse(err, http.StatusForbidden, "Only bound persistent volume claims can be expanded")
		}
	})
})
