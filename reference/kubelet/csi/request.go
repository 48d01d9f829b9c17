package csi

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/container-storage-interface/spec/lib/go/csi"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// capability is how the pod wants the volume.
func capability(r *volumes.Record, d *driver) *csi.VolumeCapability {
	out := &csi.VolumeCapability{AccessMode: &csi.VolumeCapability_AccessMode{
		Mode: accessMode(r.Spec.AccessModes, d.can[csi.NodeServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER])}}
	if r.Block() {
		out.AccessType = &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}}
		return out
	}
	mount := &csi.VolumeCapability_MountVolume{FsType: r.Spec.CSI.FSType, MountFlags: r.Spec.MountOptions}
	if r.FSGroup != nil && delegated(d) {
		mount.VolumeMountGroup = strconv.FormatInt(*r.FSGroup, 10)
	}
	out.AccessType = &csi.VolumeCapability_Mount{Mount: mount}
	return out
}

// accessMode is the driver's word for the first of the volume's modes. One that tells a single pod from a single node
// has two words of its own (KEP-2485).
func accessMode(modes []v1.PersistentVolumeAccessMode, tells bool) csi.VolumeCapability_AccessMode_Mode {
	mode := v1.ReadWriteOnce
	if len(modes) > 0 {
		mode = modes[0]
	}
	switch {
	case mode == v1.ReadOnlyMany:
		return csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY
	case mode == v1.ReadWriteMany:
		return csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER
	case mode == v1.ReadWriteOncePod && tells:
		return csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER
	case mode == v1.ReadWriteOnce && tells:
		return csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER
	default:
		return csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER
	}
}

// delegated tells whether the driver itself gives files to the pod's group (KEP-2317).
func delegated(d *driver) bool { return d.can[csi.NodeServiceCapability_RPC_VOLUME_MOUNT_GROUP] }

// givesGroup tells whether the node has to give the volume's files to the pod's group
// (api: CSIDriver.spec.fsGroupPolicy).
func givesGroup(r *volumes.Record, d *driver) bool {
	if r.FSGroup == nil || r.ReadOnly || r.Block() || delegated(d) {
		return false
	}
	policy := storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy
	if r.Driver != nil {
		policy = ptr.Deref(r.Driver.FSGroupPolicy, policy)
	}
	switch policy {
	case storagev1.NoneFSGroupPolicy:
		return false
	case storagev1.FileFSGroupPolicy:
		return true
	}
	if r.Spec.CSI.FSType == "" {
		return false
	}
	return r.Inline || slices.Contains(r.Spec.AccessModes, v1.ReadWriteOnce) || slices.Contains(r.Spec.AccessModes, v1.ReadWriteOncePod)
}

// lifecycle is the mode in which the volume is used.
func lifecycle(r *volumes.Record) storagev1.VolumeLifecycleMode {
	if r.Inline {
		return storagev1.VolumeLifecycleEphemeral
	}
	return storagev1.VolumeLifecyclePersistent
}

// serves tells why the driver must not be used for the volume (api: CSIDriver.spec.volumeLifecycleModes).
func serves(r *volumes.Record) error {
	modes := []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	if r.Driver != nil && len(r.Driver.VolumeLifecycleModes) > 0 {
		modes = r.Driver.VolumeLifecycleModes
	}
	if mode := lifecycle(r); !slices.Contains(modes, mode) {
		return fmt.Errorf("volume mode %q not supported by driver %s (only supports %q)", mode, r.Spec.CSI.Driver, modes)
	}
	return nil
}

// volumeContext is what the driver is told of the volume, and of the pod if it wants to know
// (api: CSIDriver.spec.podInfoOnMount).
func volumeContext(r *volumes.Record) map[string]string {
	out := maps.Clone(r.Spec.CSI.VolumeAttributes)
	if r.Driver == nil || !ptr.Deref(r.Driver.PodInfoOnMount, false) {
		return out
	}
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, map[string]string{
		"csi.storage.k8s.io/pod.name":            r.PodName,
		"csi.storage.k8s.io/pod.namespace":       r.Namespace,
		"csi.storage.k8s.io/pod.uid":             string(r.Pod),
		"csi.storage.k8s.io/serviceAccount.name": r.ServiceAccount,
		"csi.storage.k8s.io/ephemeral":           strconv.FormatBool(r.Inline),
	})
	return out
}
