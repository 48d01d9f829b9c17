package volumes

import (
	"context"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Plugin makes persistent volumes of one kind available to pods. The Manager calls it for one volume of the
// node at a time. Every call has to be idempotent: the agent may be killed at any moment and begins again,
// and the node may have been rebooted, which takes all mounts.
type Plugin interface {
	// Name is the plugin's name in the paths of volumes, kubernetes.io/csi.
	Name() string
	// Handles tells whether volumes of this source are the plugin's.
	Handles(*v1.PersistentVolumeSource) bool
	// SetUp makes the volume available to the record's pod and returns the path that its containers are
	// given: a directory, or a block device. dir is where the plugin may mount; it exists only if the
	// plugin makes it.
	SetUp(ctx context.Context, r *Record, dir string) (path string, err error)
	// TearDown undoes what SetUp did, in part or in full. All it may go by is the record and what is on the
	// node: the API server may be away, and the PersistentVolume gone. last tells that no other pod of the
	// node uses the volume.
	TearDown(ctx context.Context, r *Record, dir string, last bool) error
}

// Attachable is a Plugin some of whose volumes have to be attached to the node by others first. Such a volume is
// in the node's status.volumesInUse before SetUp, and leaves it after TearDown.
type Attachable interface {
	Plugin
	// UniqueName is how the node's status names the volume, empty if it need not be attached.
	UniqueName(*Record) v1.UniqueVolumeName
}

// Preparer is a Plugin that completes a record before it is saved for the first time.
type Preparer interface {
	Plugin
	// Prepare looks up what SetUp and TearDown need to know.
	Prepare(context.Context, *Record) error
}

// Record is what the node remembers of a pod's persistent volume, from before the first mount until after the last
// unmount.
type Record struct {
	Pod       types.UID `json:"pod"`
	Namespace string    `json:"namespace"`
	PodName   string    `json:"podName"`
	// ServiceAccount is the pod's.
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// Volume is its name in the pod.
	Volume string `json:"volume"`
	// Name is that of the PersistentVolume; that in the pod, if the volume is the pod's own.
	Name string `json:"name"`
	// Inline tells that there is no PersistentVolume: the pod says itself which driver makes the volume.
	Inline bool `json:"inline,omitempty"`
	// Claim is the claim's uid.
	Claim types.UID `json:"claim,omitempty"`
	// Spec is the PersistentVolume's.
	Spec     v1.PersistentVolumeSpec `json:"spec"`
	ReadOnly bool                    `json:"readOnly,omitempty"`
	// FSGroup is the group that the volume's files are to belong to.
	FSGroup *int64 `json:"fsGroup,omitempty"`
	// OnRootMismatch leaves files alone if the volume's root belongs to the group already.
	OnRootMismatch bool `json:"onRootMismatch,omitempty"`
	// Driver is how a CSI driver wants to be used, nil if it has not said so.
	Driver *storagev1.CSIDriverSpec `json:"driver,omitempty"`
	// Path is what containers are given, empty before the volume is set up.
	Path string `json:"path,omitempty"`
}

// Block tells whether pods get the volume as a device.
func (r *Record) Block() bool {
	return r.Spec.VolumeMode != nil && *r.Spec.VolumeMode == v1.PersistentVolumeBlock
}

// oncePod tells whether only one pod may use the volume.
func (r *Record) oncePod() bool {
	for _, mode := range r.Spec.AccessModes {
		if mode == v1.ReadWriteOncePod {
			return true
		}
	}
	return false
}

// same tells whether both are of one volume, whose users have to be known together.
func (r *Record) same(o *Record) bool { return r.key() == o.key() }

// key is the volume's name on the node. A driver knows volumes by their handles.
func (r *Record) key() string {
	if c := r.Spec.CSI; c != nil {
		return c.Driver + "^" + c.VolumeHandle
	}
	return r.Name
}
