package csi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// attachTimeout is how long a pod waits for its volume to be attached before its users are told.
const attachTimeout = 2*time.Minute + 3*time.Second

// attachmentName is how the attach-detach controller names the VolumeAttachment.
func attachmentName(r *volumes.Record, node string) string {
	c := r.Spec.CSI
	return fmt.Sprintf("csi-%x", sha256.Sum256([]byte(c.VolumeHandle+c.Driver+node)))
}

// attachment waits until the volume is attached to the node, if it has to be, and returns what its attacher says of it.
func (p *Plugin) attachment(ctx context.Context, r *volumes.Record) (map[string]string, error) {
	unique := p.UniqueName(r)
	if unique == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, attachTimeout, fmt.Errorf(
		"timed out waiting for external-attacher of %s CSI driver to attach volume %s", r.Spec.CSI.Driver, r.Spec.CSI.VolumeHandle))
	defer cancel()
	for {
		if err := p.nodeSays(ctx, unique); errors.Is(err, context.DeadlineExceeded) {
			return nil, &volumes.Unattached{}
		} else if err != nil {
			return nil, err
		}
		found, err := p.Client.StorageV1().VolumeAttachments().Get(ctx, attachmentName(r, p.NodeName), metav1.GetOptions{})
		switch {
		case err == nil && found.Status.Attached && found.DeletionTimestamp == nil:
			return found.Status.AttachmentMetadata, nil
		case err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err):
			return nil, fmt.Errorf("kubernetes.io/csi: failed to get the VolumeAttachment: %w", err)
		}
		// It is just being detached, or the authorizer does not know of it yet.
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// nodeSays waits until the node's status names the volume as attached.
func (p *Plugin) nodeSays(ctx context.Context, volume v1.UniqueVolumeName) error {
	nodes := p.Client.CoreV1().Nodes()
	for {
		n, err := nodes.Get(ctx, p.NodeName, metav1.GetOptions{})
		if err == nil && attachedTo(n, volume) {
			return nil
		}
		if err == nil && p.follow(ctx, n, volume) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

var errClosed = errors.New("the watch ended")

func (p *Plugin) follow(ctx context.Context, n *v1.Node, volume v1.UniqueVolumeName) error {
	w, err := p.Client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", n.Name).String(), ResourceVersion: n.ResourceVersion,
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e, ok := <-w.ResultChan():
			if !ok {
				return errClosed
			}
			now, isNode := e.Object.(*v1.Node)
			if !isNode {
				return errClosed
			}
			if attachedTo(now, volume) {
				return nil
			}
		}
	}
}

func attachedTo(n *v1.Node, volume v1.UniqueVolumeName) bool {
	return slices.ContainsFunc(n.Status.VolumesAttached, func(a v1.AttachedVolume) bool { return a.Name == volume })
}
