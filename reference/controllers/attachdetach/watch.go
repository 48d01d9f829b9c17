package attachdetach

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	byNode   = "attachments-by-node"   // ours
	byVolume = "attachments-by-volume" // all
)

var attachmentIndexes = cache.Indexers{
	byNode: controller.IndexBy(func(a *storagev1.VolumeAttachment) []string {
		if !ours.MatchString(a.Name) {
			return nil
		}
		return []string{a.Spec.NodeName}
	}),
	byVolume: controller.IndexBy(func(a *storagev1.VolumeAttachment) []string {
		if a.Spec.Source.PersistentVolumeName == nil {
			return nil
		}
		return []string{*a.Spec.Source.PersistentVolumeName}
	}),
}

func (c *Controller) add(node string) { c.queue.Add(types.NamespacedName{Name: node}) }

// podChanged looks at the node of a pod that comes to it, goes, or ceases to use its volumes.
func (c *Controller) podChanged(before, now *corev1.Pod) {
	pod := controller.Either(before, now)
	if pod.Spec.NodeName == "" || len(controller.ClaimsOf(pod)) == 0 {
		return
	}
	if before == nil || now == nil || before.Spec.NodeName != now.Spec.NodeName || uses(before) != uses(now) {
		c.add(pod.Spec.NodeName)
	}
}

// nodeChanged looks at a node that says anew what it has mounted, or what can be done about that.
func (c *Controller) nodeChanged(before, now *corev1.Node) {
	if before != nil && now != nil && slices.Equal(before.Status.VolumesInUse, now.Status.VolumesInUse) &&
		equality.Semantic.DeepEqual(before.Status.VolumesAttached, now.Status.VolumesAttached) &&
		before.Annotations[managed] == now.Annotations[managed] && healthy(before) == healthy(now) && len(before.Spec.Taints) == len(now.Spec.Taints) {
		return
	}
	c.add(controller.Either(before, now).Name)
}

// addUsers looks at the nodes of the pods that use the claim.
func (c *Controller) addUsers(claim types.NamespacedName) {
	for _, pod := range c.podsOf(claim) {
		if pod.Spec.NodeName != "" {
			c.add(pod.Spec.NodeName)
		}
	}
}

func (c *Controller) claimChanged(before, now *corev1.PersistentVolumeClaim) {
	if before != nil && now != nil && before.Spec.VolumeName == now.Spec.VolumeName && before.Status.Phase == now.Status.Phase {
		return
	}
	c.addUsers(controller.Key(controller.Either(before, now)))
}

func (c *Controller) volumeChanged(before, now *corev1.PersistentVolume) {
	if before != nil && now != nil && equality.Semantic.DeepEqual(before.Spec, now.Spec) {
		return
	}
	if ref := controller.Either(before, now).Spec.ClaimRef; ref != nil {
		c.addUsers(types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name})
	}
}

// attachmentChanged looks at its node; when it is gone, also at those that wait for the volume.
func (c *Controller) attachmentChanged(before, now *storagev1.VolumeAttachment) {
	a := controller.Either(before, now)
	c.add(a.Spec.NodeName)
	if now != nil {
		return
	}
	if volume, err := c.volumes.Get(ptr.Deref(a.Spec.Source.PersistentVolumeName, "")); err == nil && volume.Spec.ClaimRef != nil {
		c.addUsers(types.NamespacedName{Namespace: volume.Spec.ClaimRef.Namespace, Name: volume.Spec.ClaimRef.Name})
	}
}

// driverChanged looks at all nodes: a driver is installed now and then, and may not want attaching.
func (c *Controller) driverChanged(before, now *storagev1.CSIDriver) {
	if before != nil && now != nil && equality.Semantic.DeepEqual(before.Spec.AttachRequired, now.Spec.AttachRequired) {
		return
	}
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return // a lister reads memory
	}
	for _, node := range nodes {
		c.add(node.Name)
	}
}
