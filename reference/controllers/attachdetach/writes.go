package attachdetach

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// tellNode writes down what is attached to the node, for its kubelet.
func (c *Controller) tellNode(ctx context.Context, node *corev1.Node, attached []corev1.AttachedVolume) error {
	if equality.Semantic.DeepEqual(node.Status.VolumesAttached, attached) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": node.UID}, "status": map[string]any{"volumesAttached": attached}})
	if err != nil {
		return err
	}
	updated, err := c.client.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("telling node %s what is attached to it: %w", node.Name, err)
	}
	c.nodeWrites.Wrote(types.NamespacedName{Name: node.Name}, updated)
	return nil
}

func (c *Controller) detach(ctx context.Context, key types.NamespacedName, a *storagev1.VolumeAttachment) error {
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(a.UID))}
	err := c.client.StorageV1().VolumeAttachments().Delete(ctx, a.Name, options)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("detaching %s: %w", a.Name, err)
	}
	c.ofNode.Deleted(key, a)
	return nil
}

func (c *Controller) attach(ctx context.Context, key types.NamespacedName, w wanted) error {
	name := w.volume.Name
	attachment := attachmentName(w.volume, key.Name)
	if !shared(w.volume) && !c.take(name, taker{node: key.Name, attachment: attachment}) {
		c.queue.AddAfter(key, soon)
		return nil
	}
	created, err := c.client.StorageV1().VolumeAttachments().Create(ctx, &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: attachment},
		Spec: storagev1.VolumeAttachmentSpec{
			Attacher: w.volume.Spec.CSI.Driver, NodeName: key.Name,
			Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &name},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		if !apierrors.IsAlreadyExists(err) {
			c.tell(w.pods, corev1.EventTypeWarning, FailedAttachVolume, fmt.Sprintf("AttachVolume.Attach failed for volume %q : %v", name, err))
		}
		return fmt.Errorf("attaching volume %s to node %s: %w", name, key.Name, err)
	}
	c.mu.Lock()
	c.told[created.Name] = "" // its outcome is news
	c.mu.Unlock()
	c.have(key, name, created)
	return nil
}
