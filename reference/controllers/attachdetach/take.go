package attachdetach

import (
	"context"
	"fmt"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// taker is the node that a volume is being attached to which only one node may have. It keeps the volume until it is
// known what became of the request: one that failed may have been carried out all the same.
type taker struct{ node, attachment string }

// take gives the volume to the node, unless another has it or may have it. Two nodes may want it at the same moment, and
// the cache may not show yet which of them got it.
func (c *Controller) take(volume string, by taker) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.taken[volume]; taken || !c.ofVolume.Seen(types.NamespacedName{Name: volume}) || len(c.elsewhere(volume, by.node)) > 0 {
		return false
	}
	c.taken[volume] = by
	return true
}

// have notes the attachment of the volume to the node. From here on the cache is waited for to show it.
func (c *Controller) have(node types.NamespacedName, volume string, a *storagev1.VolumeAttachment) {
	c.ofNode.Wrote(node, a)
	c.ofVolume.Wrote(types.NamespacedName{Name: volume}, a)
	c.release(volume)
}

func (c *Controller) release(volume string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.taken, volume)
}

// learn asks the API server what became of the attachments to the node whose creation failed.
func (c *Controller) learn(ctx context.Context, node types.NamespacedName) error {
	for volume, name := range c.uncertain(node.Name) {
		a, err := c.client.StorageV1().VolumeAttachments().Get(ctx, name, metav1.GetOptions{})
		switch {
		case err == nil:
			c.have(node, volume, a)
		case apierrors.IsNotFound(err):
			c.release(volume)
		default:
			return fmt.Errorf("looking whether volume %s was attached to node %s: %w", volume, node.Name, err)
		}
	}
	return nil
}

// uncertain are the volumes that the node has taken, and the names of their attachments. Only while a node is worked on
// can one of them be on its way.
func (c *Controller) uncertain(node string) map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]string{}
	for volume, by := range c.taken {
		if by.node == node {
			names[volume] = by.attachment
		}
	}
	return names
}

// elsewhere are the other nodes that the volume has an attachment to.
func (c *Controller) elsewhere(volume, than string) []string {
	var nodes []string
	for _, a := range controller.Indexed[*storagev1.VolumeAttachment](c.attachments, byVolume, volume) {
		if a.Spec.NodeName != than {
			nodes = append(nodes, a.Spec.NodeName)
		}
	}
	return nodes
}
