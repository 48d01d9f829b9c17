// Package storage judges the area "storage": claims, volumes, how they come together, and what pods find in them.
package storage

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// ofSpec labels the volumes of a spec: they live in no namespace.
const ofSpec = "conformance.etalon.dev/storage"

func size(s string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(s)}
}

// claim asks for storage of the class, once read and written.
func claim(name, class, storage string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: size(storage)}}}
}

// volume is a directory that nobody will ever mount, of the class, which outlives its claim.
func volume(f *Framework, name, class, storage string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: f.Namespace + "-" + name, Labels: map[string]string{ofSpec: f.Namespace}},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Capacity: size(storage),
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/tmp/" + f.Namespace + "-" + name}}}}
}

// class makes a StorageClass of the spec's own, whose volumes nobody makes unless a provisioner is named, and returns its name.
func class(ctx context.Context, f *Framework, mode storagev1.VolumeBindingMode, change ...func(*storagev1.StorageClass)) string {
	GinkgoHelper()
	c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &mode}
	for _, apply := range change {
		apply(c)
	}
	f.CreateForCluster(ctx, c)
	return c.Name
}

func immediate(ctx context.Context, f *Framework) string {
	GinkgoHelper()
	return class(ctx, f, storagev1.VolumeBindingImmediate)
}

// claims observes the claims of the spec, volumes its volumes.
func claims(ctx context.Context, f *Framework) *Observer[*corev1.PersistentVolumeClaim] {
	GinkgoHelper()
	return f.WatchClaims(ctx, "")
}

func volumes(ctx context.Context, f *Framework) *Observer[*corev1.PersistentVolume] {
	GinkgoHelper()
	return f.WatchVolumes(ctx, ofSpec+"="+f.Namespace)
}

// is says that the claim of that name exists and is so.
func is(name string, so func(*corev1.PersistentVolumeClaim) bool) func([]*corev1.PersistentVolumeClaim) bool {
	return func(all []*corev1.PersistentVolumeClaim) bool {
		c := named(all, name)
		return c != nil && so(c)
	}
}

// boundTo says that the claim of that name is Bound to that volume.
func boundTo(name string, v *corev1.PersistentVolume) func([]*corev1.PersistentVolumeClaim) bool {
	return is(name, func(c *corev1.PersistentVolumeClaim) bool {
		return c.Status.Phase == corev1.ClaimBound && c.Spec.VolumeName == v.Name
	})
}

// touched says that the claim of that name is no longer Pending, or names a volume.
func touched(name string) func([]*corev1.PersistentVolumeClaim) bool {
	return is(name, func(c *corev1.PersistentVolumeClaim) bool {
		return c.Status.Phase != corev1.ClaimPending || c.Spec.VolumeName != ""
	})
}

// inPhase says that the volume is in the phase.
func inPhase(v *corev1.PersistentVolume, phase corev1.PersistentVolumePhase) func([]*corev1.PersistentVolume) bool {
	return func(all []*corev1.PersistentVolume) bool {
		now := named(all, v.Name)
		return now != nil && now.Status.Phase == phase
	}
}

// taken says that the volume has a claim, or is in another phase than Available.
func taken(v *corev1.PersistentVolume) func([]*corev1.PersistentVolume) bool {
	return func(all []*corev1.PersistentVolume) bool {
		now := named(all, v.Name)
		return now == nil || now.Spec.ClaimRef != nil || now.Status.Phase != corev1.VolumeAvailable
	}
}

// named is the object of that name, nil if there is none.
func named[T Object](all []T, name string) T {
	for _, object := range all {
		if object.GetName() == name {
			return object
		}
	}
	var none T
	return none
}
