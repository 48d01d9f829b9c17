package volumes

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/storage/ephemeral"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/objects"
)

// Claims gives claims and volumes as the API server has them now. A node may not watch them, only get those that its
// pods use.
type Claims interface {
	Claim(ctx context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error)
	Volume(ctx context.Context, name string) (*v1.PersistentVolume, error)
}

// APIClaims asks the API server.
type APIClaims struct{ Client kubernetes.Interface }

// Claim implements Claims.
func (a APIClaims) Claim(ctx context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error) {
	return objects.Patiently(ctx, func() (*v1.PersistentVolumeClaim, error) {
		return a.Client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	})
}

// Volume implements Claims.
func (a APIClaims) Volume(ctx context.Context, name string) (*v1.PersistentVolume, error) {
	return objects.Patiently(ctx, func() (*v1.PersistentVolume, error) {
		return a.Client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
	})
}

// claimName is the claim that the volume stands for, empty if it is of another kind.
func claimName(pod *v1.Pod, v *v1.Volume) (name string, readOnly bool) {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName, v.PersistentVolumeClaim.ReadOnly
	case v.Ephemeral != nil:
		return ephemeral.VolumeClaimName(pod, v), false
	}
	return "", false
}

// recorded tells whether the node keeps a record of the volume: it takes more than the pod to know what it is, or others
// to make it.
func recorded(pod *v1.Pod, v *v1.Volume) bool {
	claim, _ := claimName(pod, v)
	return claim != "" || v.CSI != nil
}

// inline is the volume that a CSI driver makes for the pod alone (docs: concepts/storage/ephemeral-volumes#csi-ephemeral-volumes).
func inline(pod *v1.Pod, v *v1.Volume) *Record {
	source := &v1.CSIPersistentVolumeSource{
		Driver: v.CSI.Driver, VolumeAttributes: v.CSI.VolumeAttributes, FSType: ptr.Deref(v.CSI.FSType, ""),
		VolumeHandle: fmt.Sprintf("csi-%x", sha256.Sum256([]byte(string(pod.UID)+v.Name))),
	}
	if ref := v.CSI.NodePublishSecretRef; ref != nil {
		source.NodePublishSecretRef = &v1.SecretReference{Namespace: pod.Namespace, Name: ref.Name}
	}
	return &Record{
		Volume: v.Name, Name: v.Name, Inline: true, ReadOnly: ptr.Deref(v.CSI.ReadOnly, false),
		Spec: v1.PersistentVolumeSpec{PersistentVolumeSource: v1.PersistentVolumeSource{CSI: source}},
	}
}

// of completes the record by what the pod says.
func (r *Record) of(pod *v1.Pod) *Record {
	r.Pod, r.Namespace, r.PodName, r.ServiceAccount = pod.UID, pod.Namespace, pod.Name, pod.Spec.ServiceAccountName
	r.FSGroup, r.OnRootMismatch = fsGroup(pod)
	return r
}

// resolve finds the PersistentVolume behind the pod's volume, and checks that the pod may have it.
func (m *Manager) resolve(ctx context.Context, pod *v1.Pod, v *v1.Volume) (*Record, error) {
	if v.CSI != nil {
		return inline(pod, v).of(pod), nil
	}
	name, readOnly := claimName(pod, v)
	if m.Claims == nil {
		return nil, errors.New("no volume plugin matched")
	}
	wrap := func(err error) error {
		return fmt.Errorf("error processing PVC %s/%s: %w", pod.Namespace, name, err)
	}
	claim, err := m.Claims.Claim(ctx, pod.Namespace, name)
	if err != nil {
		return nil, wrap(fmt.Errorf("failed to fetch PVC from API server: %w", err))
	}
	if err := usable(claim); err != nil {
		return nil, wrap(err)
	}
	if v.Ephemeral != nil {
		if err := ephemeral.VolumeIsForPod(pod, claim); err != nil {
			return nil, err
		}
	}
	volume, err := m.Claims.Volume(ctx, claim.Spec.VolumeName)
	if err != nil {
		return nil, wrap(fmt.Errorf("failed to fetch PV %s from API server: %w", claim.Spec.VolumeName, err))
	}
	if err := belongs(volume, claim); err != nil {
		return nil, wrap(err)
	}
	r := (&Record{Volume: v.Name, Name: volume.Name, Claim: claim.UID, Spec: volume.Spec, ReadOnly: readOnly}).of(pod)
	return r, usedAs(pod, v.Name, r.Block())
}

// usable tells why no pod may start with the claim, nil if it may.
func usable(claim *v1.PersistentVolumeClaim) error {
	switch {
	case claim.DeletionTimestamp != nil:
		return errors.New("PVC is being deleted")
	case claim.Status.Phase != v1.ClaimBound:
		return errors.New("PVC is not bound")
	case claim.Spec.VolumeName == "":
		return errors.New("PVC has empty pvc.Spec.VolumeName")
	}
	return nil
}

// belongs tells why the volume is not the claim's, nil if it is.
func belongs(volume *v1.PersistentVolume, claim *v1.PersistentVolumeClaim) error {
	switch ref := volume.Spec.ClaimRef; {
	case ref == nil:
		return fmt.Errorf("found PV object %s but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim", volume.Name)
	case ref.UID != claim.UID:
		return fmt.Errorf("found PV object %s but its pv.Spec.ClaimRef.UID %s does not point to claim.UID %s", volume.Name, ref.UID, claim.UID)
	}
	return nil
}

// usedAs checks that containers mount a file system, and have a device as such.
func usedAs(pod *v1.Pod, name string, block bool) error {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			if block && slices.ContainsFunc(c.VolumeMounts, func(vm v1.VolumeMount) bool { return vm.Name == name }) {
				return fmt.Errorf("volume %s has volumeMode %s, but is specified in volumeMounts", name, v1.PersistentVolumeBlock)
			}
			if !block && slices.ContainsFunc(c.VolumeDevices, func(d v1.VolumeDevice) bool { return d.Name == name }) {
				return fmt.Errorf("volume %s has volumeMode %s, but is specified in volumeDevices", name, v1.PersistentVolumeFilesystem)
			}
		}
	}
	return nil
}

// reachable tells whether the volume can be had on a node with these labels.
func reachable(r *Record, node *v1.Node) error {
	if node == nil {
		return nil
	}
	return volumehelpers.CheckNodeAffinity(&v1.PersistentVolume{Spec: r.Spec}, node.Labels)
}
