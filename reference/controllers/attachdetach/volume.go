package attachdetach

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// wanted is a volume that pods of a node use.
type wanted struct {
	volume *corev1.PersistentVolume
	pods   []*corev1.Pod
}

// attachmentName is the name of the VolumeAttachment of the CSI volume on the node. It is the same in every cluster:
// the kubelet looks for it.
func attachmentName(volume *corev1.PersistentVolume, node string) string {
	csi := volume.Spec.CSI
	return fmt.Sprintf("csi-%x", sha256.Sum256([]byte(csi.VolumeHandle+csi.Driver+node)))
}

var ours = regexp.MustCompile(`^csi-[0-9a-f]{64}$`)

// uniqueName is how a node knows the volume, in volumesAttached and volumesInUse.
func uniqueName(volume *corev1.PersistentVolume) corev1.UniqueVolumeName {
	return corev1.UniqueVolumeName("kubernetes.io/csi/" + volume.Spec.CSI.Driver + "^" + volume.Spec.CSI.VolumeHandle)
}

// uses says whether the pod needs its volumes on its node. One that is going does until its containers have ended.
func uses(pod *corev1.Pod) bool {
	if controller.IsFinished(pod) {
		return false
	}
	return pod.DeletionTimestamp == nil || len(pod.Status.ContainerStatuses) == 0 ||
		slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
			return s.State.Terminated == nil && s.State.Waiting == nil
		})
}

// shared says whether several nodes may have the volume at once.
func shared(volume *corev1.PersistentVolume) bool {
	return len(volume.Spec.AccessModes) == 0 || slices.Contains(volume.Spec.AccessModes, corev1.ReadWriteMany) ||
		slices.Contains(volume.Spec.AccessModes, corev1.ReadOnlyMany)
}
