package persistentvolume

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/reference"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

// ErrInUse says that a volume cannot be deleted yet, since something still uses it.
var ErrInUse = errors.New("the volume is still in use")

// Provisioner makes and deletes the storage behind volumes. Both have to be idempotent: the controller may be
// interrupted at any moment, and asks again.
type Provisioner interface {
	// Provision makes storage for the request and returns how to reach it, under the request's name. The controller
	// adds what makes it the claim's.
	Provision(ctx context.Context, request Request) (*corev1.PersistentVolume, error)
	// Delete removes what Provision made for the volume.
	Delete(ctx context.Context, volume *corev1.PersistentVolume) error
}

// Request asks for a volume.
type Request struct {
	// Name is that of the PersistentVolume to be; it is the same whenever the same claim is asked for.
	Name  string
	Claim *corev1.PersistentVolumeClaim
	Class *storagev1.StorageClass
	// Node is where the first pod that uses it will run; empty if the binding does not wait for one.
	Node string
}

func requestFor(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) Request {
	return Request{Name: "pvc-" + string(claim.UID), Claim: claim, Class: class, Node: claim.Annotations[volumehelpers.AnnSelectedNode]}
}

// provisioned completes the volume that a provisioner returned: it is bound to the claim from the start.
func provisioned(volume *corev1.PersistentVolume, request Request) (*corev1.PersistentVolume, error) {
	ref, err := reference.GetReference(scheme.Scheme, request.Claim)
	if err != nil {
		return nil, fmt.Errorf("referring to claim %s/%s: %w", request.Claim.Namespace, request.Claim.Name, err)
	}
	made := volume.DeepCopy()
	made.Name = request.Name
	made.Spec.ClaimRef = ref
	made.Spec.StorageClassName = request.Class.Name
	made.Spec.PersistentVolumeReclaimPolicy = ptr.Deref(request.Class.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
	made.Spec.MountOptions = request.Class.MountOptions
	made.Spec.VolumeMode = request.Claim.Spec.VolumeMode
	if len(made.Spec.AccessModes) == 0 {
		made.Spec.AccessModes = request.Claim.Spec.AccessModes
	}
	metav1.SetMetaDataAnnotation(&made.ObjectMeta, volumehelpers.AnnBoundByController, yes)
	metav1.SetMetaDataAnnotation(&made.ObjectMeta, volumehelpers.AnnDynamicallyProvisioned, request.Class.Provisioner)
	if made.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
		// The volume must not go before what is behind it.
		made.Finalizers = append(made.Finalizers, volumehelpers.PVDeletionInTreeProtectionFinalizer)
	}
	return made, nil
}

// annotated is the claim as it names its provisioner, and whether it did not before.
func annotated(claim *corev1.PersistentVolumeClaim, provisioner string) (*corev1.PersistentVolumeClaim, bool) {
	if claim.Annotations[volumehelpers.AnnStorageProvisioner] == provisioner && claim.Annotations[volumehelpers.AnnBetaStorageProvisioner] == provisioner {
		return claim, false
	}
	want := claim.DeepCopy()
	metav1.SetMetaDataAnnotation(&want.ObjectMeta, volumehelpers.AnnStorageProvisioner, provisioner)
	metav1.SetMetaDataAnnotation(&want.ObjectMeta, volumehelpers.AnnBetaStorageProvisioner, provisioner)
	return want, true
}
