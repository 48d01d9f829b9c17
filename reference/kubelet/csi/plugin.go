package csi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

const pluginName = "kubernetes.io/csi"

// Plugin is the volumes.Plugin of all CSI drivers. What it asked a driver for is on disk before, so that it is
// taken back whatever happens, and what the driver has done is there afterwards, so that it is not asked again.
type Plugin struct {
	Drivers  *Drivers
	Client   kubernetes.Interface
	NodeName string
	// Root is the agent's directory.
	Root string
	// Tokens are the service accounts', for drivers that want them.
	Tokens Tokens
	// Recorder tells pods' users what happens to their volumes; it may be nil.
	Recorder record.EventRecorder
}

// Name implements volumes.Plugin.
func (p *Plugin) Name() string { return pluginName }

// Handles implements volumes.Plugin.
func (p *Plugin) Handles(s *v1.PersistentVolumeSource) bool { return s.CSI != nil }

// UniqueName implements volumes.Attachable.
func (p *Plugin) UniqueName(r *volumes.Record) v1.UniqueVolumeName {
	if r.Inline || r.Driver != nil && !ptr.Deref(r.Driver.AttachRequired, true) {
		return ""
	}
	return v1.UniqueVolumeName(pluginName + "/" + r.Spec.CSI.Driver + "^" + r.Spec.CSI.VolumeHandle)
}

// Prepare implements volumes.Preparer: it looks up how the driver wants to be used.
func (p *Plugin) Prepare(ctx context.Context, r *volumes.Record) error {
	found, err := p.Client.StorageV1().CSIDrivers().Get(ctx, r.Spec.CSI.Driver, metav1.GetOptions{})
	switch {
	case err == nil:
		r.Driver = &found.Spec
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("kubernetes.io/csi: failed to get the CSIDriver %s: %w", r.Spec.CSI.Driver, err)
	}
	return serves(r)
}

// SetUp implements volumes.Plugin.
func (p *Plugin) SetUp(ctx context.Context, r *volumes.Record, dir string) (string, error) {
	l := p.layoutOf(r, dir)
	had, err := readData(l.published)
	if err != nil {
		return "", err
	}
	published := had != nil && had.Done == boot()
	if published && r.Path != "" && !republishes(r) {
		p.growInUse(ctx, r, l)
		return r.Path, nil
	}
	published = published && r.Path != ""
	attachment, err := p.attachment(ctx, r)
	if missing := (&volumes.Unattached{}); errors.As(err, &missing) {
		return "", err
	}
	if err != nil {
		return "", &volumes.Failure{Volume: r.Name, Operation: "MountVolume.WaitForAttach failed", Err: err}
	}
	d, err := p.Drivers.get(r.Spec.CSI.Driver)
	switch {
	case err != nil && r.Inline:
		return "", fmt.Errorf("kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: %w", err)
	case err != nil:
		return "", staging(r, fmt.Errorf("kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: %w", err))
	}
	stages := !r.Inline && d.can[csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME]
	if stages {
		if err := p.stage(ctx, r, d, l, attachment); err != nil {
			return "", staging(r, err)
		}
	} else {
		l.stage = ""
	}
	if err := p.publish(ctx, r, d, l, attachment, published); err != nil {
		if r.Block() {
			err = &volumes.Failure{Volume: r.Name, Operation: "MapVolume.MapPodDevice failed", Err: err}
		}
		return "", err
	}
	if published {
		p.growInUse(ctx, r, l)
	} else if err := p.grow(ctx, r, l); err != nil {
		return "", &volumes.Failure{Volume: r.Name, Operation: "MountVolume.Setup failed while expanding volume", Err: err}
	}
	return l.target, nil
}

// staging is the failure to make the volume available to the node.
func staging(r *volumes.Record, err error) error {
	if r.Block() {
		return err
	}
	return &volumes.Failure{Volume: r.Name, Operation: "MountVolume.MountDevice failed", Err: err}
}

func republishes(r *volumes.Record) bool {
	return r.Driver != nil && ptr.Deref(r.Driver.RequiresRepublish, false)
}

func (p *Plugin) dataOf(r *volumes.Record) data {
	out := data{Driver: r.Spec.CSI.Driver, Handle: r.Spec.CSI.VolumeHandle, SpecName: r.Name, Node: p.NodeName, Lifecycle: string(lifecycle(r))}
	if p.UniqueName(r) != "" {
		out.AttachmentID = attachmentName(r, p.NodeName)
	}
	return out
}

// stage makes the volume available to the node, once for all of its pods.
func (p *Plugin) stage(ctx context.Context, r *volumes.Record, d *driver, l layout, attachment map[string]string) error {
	had, err := readData(l.staged)
	if err != nil {
		return err
	}
	if had != nil && had.Done == boot() {
		return nil
	}
	secrets, err := p.secrets(ctx, r.Spec.CSI.NodeStageSecretRef)
	if err != nil {
		return fmt.Errorf("fetching NodeStageSecretRef failed: %w", err)
	}
	if err := os.MkdirAll(l.stage, 0o750); err != nil {
		return err
	}
	note := p.dataOf(r)
	if err := writeData(l.staged, note); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = d.NodeStageVolume(ctx, &csi.NodeStageVolumeRequest{
		VolumeId: r.Spec.CSI.VolumeHandle, PublishContext: attachment, StagingTargetPath: l.stage,
		VolumeCapability: capability(r, d), Secrets: secrets, VolumeContext: r.Spec.CSI.VolumeAttributes,
	})
	if err != nil {
		if final(err) && had == nil {
			return errors.Join(err, p.forgetStaged(l))
		}
		return err
	}
	note.Done = boot()
	return writeData(l.staged, note)
}

// publish makes the volume available to the pod; again tells that it is already.
func (p *Plugin) publish(ctx context.Context, r *volumes.Record, d *driver, l layout, attachment map[string]string, again bool) error {
	had, err := readData(l.published)
	if err != nil {
		return err
	}
	ref := r.Spec.CSI.NodePublishSecretRef
	secrets, err := p.secrets(ctx, ref)
	if err != nil {
		return fmt.Errorf("fetching NodePublishSecretRef %s/%s failed: %w", ref.Namespace, ref.Name, err)
	}
	attributes := volumeContext(r)
	if secrets, attributes, err = p.withTokens(ctx, r, secrets, attributes); err != nil {
		return fmt.Errorf("kubernetes.io/csi: mounter.SetUpAt failed to get service account token attributes: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(l.target), 0o750); err != nil {
		return err
	}
	note := p.dataOf(r)
	if had == nil {
		if err := writeData(l.published, note); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = d.NodePublishVolume(ctx, &csi.NodePublishVolumeRequest{
		VolumeId: r.Spec.CSI.VolumeHandle, PublishContext: attachment, StagingTargetPath: l.stage, TargetPath: l.target,
		VolumeCapability: capability(r, d), Readonly: r.ReadOnly, Secrets: secrets, VolumeContext: attributes,
	})
	if err != nil {
		if final(err) && had == nil {
			err = errors.Join(err, os.Remove(l.published))
		}
		return err
	}
	if !again && givesGroup(r, d) {
		if err := volumes.GiveTo(l.target, *r.FSGroup, r.OnRootMismatch); err != nil {
			return fmt.Errorf("applyFSGroup failed for vol %s: %w", r.Spec.CSI.VolumeHandle, err)
		}
	}
	note.Done = boot()
	return writeData(l.published, note)
}

// final tells whether the error says that the driver did nothing and does nothing any more. Else it may be busy with it, or have
// done it already.
func final(err error) bool {
	s, ok := status.FromError(err)
	if !ok {
		return false
	}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.Unknown:
		return false
	}
	return true
}

// TearDown implements volumes.Plugin.
func (p *Plugin) TearDown(ctx context.Context, r *volumes.Record, dir string, last bool) error {
	l := p.layoutOf(r, dir)
	published, err := readData(l.published)
	if err != nil {
		return err
	}
	if published != nil {
		if err := p.unpublish(ctx, r, l); err != nil {
			return err
		}
	}
	if !last || r.Inline {
		return nil
	}
	staged, err := readData(l.staged)
	if err != nil || staged == nil {
		return err
	}
	return p.unstage(ctx, r, l)
}

func (p *Plugin) unpublish(ctx context.Context, r *volumes.Record, l layout) error {
	d, err := p.Drivers.get(r.Spec.CSI.Driver)
	if err != nil {
		return fmt.Errorf("kubernetes.io/csi: Unmounter.TearDownAt failed to get CSI client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := d.NodeUnpublishVolume(ctx, &csi.NodeUnpublishVolumeRequest{VolumeId: r.Spec.CSI.VolumeHandle, TargetPath: l.target}); err != nil {
		return fmt.Errorf("kubernetes.io/csi: Unmounter.TearDownAt failed: %w", err)
	}
	if err := removeEmpty(l.target, filepath.Join(p.Root, "plugins")); err != nil {
		return err
	}
	if err := os.Remove(l.published); err != nil {
		return err
	}
	if err := os.Remove(filepath.Dir(l.published)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (p *Plugin) unstage(ctx context.Context, r *volumes.Record, l layout) error {
	d, err := p.Drivers.get(r.Spec.CSI.Driver)
	if err != nil {
		return fmt.Errorf("kubernetes.io/csi: attacher.UnmountDevice failed to create newCsiDriverClient: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := d.NodeUnstageVolume(ctx, &csi.NodeUnstageVolumeRequest{VolumeId: r.Spec.CSI.VolumeHandle, StagingTargetPath: l.stage}); err != nil {
		return fmt.Errorf("kubernetes.io/csi: attacher.UnmountDevice failed: %w", err)
	}
	return p.forgetStaged(l)
}

func (p *Plugin) forgetStaged(l layout) error {
	base := filepath.Join(p.Root, "plugins", pluginName)
	return errors.Join(removeEmpty(l.stage, base), removeEmpty(l.staged, base))
}
