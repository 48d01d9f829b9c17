package csi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/container-storage-interface/spec/lib/go/csi"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// grow has the file system grow that is smaller than its volume. The pod runs on whether that succeeds or not: its users
// are told.
func (p *Plugin) grow(ctx context.Context, r *volumes.Record, l layout) {
	ref := r.Spec.ClaimRef
	if ref == nil || r.ReadOnly {
		return
	}
	d, err := p.Drivers.get(r.Spec.CSI.Driver)
	if err != nil || !d.can[csi.NodeServiceCapability_RPC_EXPAND_VOLUME] {
		return
	}
	log := klog.FromContext(ctx)
	claim, err := p.Client.CoreV1().PersistentVolumeClaims(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		log.V(2).Info("Cannot look whether the volume is to grow", "volume", r.Name, "err", err)
		return
	}
	if !pending(claim) {
		return
	}
	volume, err := p.Client.CoreV1().PersistentVolumes().Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil {
		log.V(2).Info("Cannot look whether the volume is to grow", "volume", r.Name, "err", err)
		return
	}
	size := volume.Spec.Capacity[v1.ResourceStorage]
	if size.Cmp(claim.Status.Capacity[v1.ResourceStorage]) <= 0 {
		return
	}
	pod := &v1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: r.Namespace, Name: r.PodName, UID: r.Pod}
	if err := p.expand(ctx, r, d, l, claim, size); err != nil {
		log.Error(err, "Cannot expand the volume", "volume", r.Name)
		p.event(pod, v1.EventTypeWarning, "VolumeResizeFailed", fmt.Sprintf("NodeExpandVolume.NodeExpandVolume failed for volume %q : %v", r.Name, err))
		return
	}
	text := fmt.Sprintf("MountVolume.NodeExpandVolume succeeded for volume %q %s", r.Name, p.NodeName)
	p.event(pod, v1.EventTypeNormal, "FileSystemResizeSuccessful", text)
	p.event(&v1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
		v1.EventTypeNormal, "FileSystemResizeSuccessful", text)
}

func (p *Plugin) event(about *v1.ObjectReference, kind, reason, text string) {
	if p.Recorder != nil {
		p.Recorder.Event(about, kind, reason, text)
	}
}

// pending tells whether a node has to grow the claim's file system.
func pending(claim *v1.PersistentVolumeClaim) bool {
	switch claim.Status.AllocatedResourceStatuses[v1.ResourceStorage] {
	case v1.PersistentVolumeClaimNodeResizePending, v1.PersistentVolumeClaimNodeResizeInProgress:
		return true
	case v1.PersistentVolumeClaimNodeResizeInfeasible:
		return false
	}
	return slices.ContainsFunc(claim.Status.Conditions, func(c v1.PersistentVolumeClaimCondition) bool {
		return c.Type == v1.PersistentVolumeClaimFileSystemResizePending && c.Status == v1.ConditionTrue
	})
}

func (p *Plugin) expand(ctx context.Context, r *volumes.Record, d *driver, l layout, claim *v1.PersistentVolumeClaim, size resource.Quantity) error {
	claim, err := p.tell(ctx, claim, func(s *v1.PersistentVolumeClaimStatus) {
		if s.AllocatedResourceStatuses == nil {
			s.AllocatedResourceStatuses = map[v1.ResourceName]v1.ClaimResourceStatus{}
		}
		s.AllocatedResourceStatuses[v1.ResourceStorage] = v1.PersistentVolumeClaimNodeResizeInProgress
	})
	if err != nil {
		return err
	}
	secrets, err := p.secrets(ctx, r.Spec.CSI.NodeExpandSecretRef)
	if err != nil {
		return fmt.Errorf("fetching NodeExpandSecretRef failed: %w", err)
	}
	stage := l.stage
	if !d.can[csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME] {
		stage = ""
	}
	calling, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = d.NodeExpandVolume(calling, &csi.NodeExpandVolumeRequest{
		VolumeId: r.Spec.CSI.VolumeHandle, VolumePath: l.target, StagingTargetPath: stage,
		CapacityRange: &csi.CapacityRange{RequiredBytes: size.Value()}, VolumeCapability: capability(r, d), Secrets: secrets,
	})
	if err != nil {
		return err
	}
	_, err = p.tell(ctx, claim, func(s *v1.PersistentVolumeClaimStatus) { grown(s, size) })
	return err
}

// grown is the status of a claim whose file system has the size.
func grown(s *v1.PersistentVolumeClaimStatus, size resource.Quantity) {
	if s.Capacity == nil {
		s.Capacity = v1.ResourceList{}
	}
	s.Capacity[v1.ResourceStorage] = size
	delete(s.AllocatedResourceStatuses, v1.ResourceStorage)
	s.Conditions = slices.DeleteFunc(s.Conditions, func(c v1.PersistentVolumeClaimCondition) bool {
		switch c.Type {
		case v1.PersistentVolumeClaimResizing, v1.PersistentVolumeClaimFileSystemResizePending,
			v1.PersistentVolumeClaimControllerResizeError, v1.PersistentVolumeClaimNodeResizeError:
			return true
		}
		return false
	})
}

// tell changes the claim's status, if it is still as it was read.
func (p *Plugin) tell(ctx context.Context, claim *v1.PersistentVolumeClaim, change func(*v1.PersistentVolumeClaimStatus)) (*v1.PersistentVolumeClaim, error) {
	now := claim.DeepCopy()
	change(&now.Status)
	patch := map[string]any{
		"metadata": map[string]any{"resourceVersion": claim.ResourceVersion, "uid": claim.UID},
		"status": map[string]any{
			"capacity": now.Status.Capacity, "conditions": now.Status.Conditions,
			"allocatedResourceStatuses": map[v1.ResourceName]any{v1.ResourceStorage: orNull(now.Status.AllocatedResourceStatuses)},
		},
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	return p.Client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, text, metav1.PatchOptions{}, "status")
}

// orNull is what a merge patch takes to remove what is not there any more.
func orNull(m map[v1.ResourceName]v1.ClaimResourceStatus) any {
	if s, ok := m[v1.ResourceStorage]; ok {
		return s
	}
	return nil
}

// Stats asks the driver how full the volume is that is at path, nil if it cannot tell.
func (p *Plugin) Stats(ctx context.Context, driver, handle, path string) ([]*csi.VolumeUsage, error) {
	d, err := p.Drivers.get(driver)
	if err != nil || !d.can[csi.NodeServiceCapability_RPC_GET_VOLUME_STATS] {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	said, err := d.NodeGetVolumeStats(ctx, &csi.NodeGetVolumeStatsRequest{VolumeId: handle, VolumePath: path})
	if err != nil {
		return nil, err
	}
	return said.Usage, nil
}
