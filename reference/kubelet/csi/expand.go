package csi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// growInUse is grow for a volume that the pod has already. The pod runs on whether that succeeds or not: its users are told.
func (p *Plugin) growInUse(ctx context.Context, r *volumes.Record, l layout) {
	if err := p.grow(ctx, r, l); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot expand the volume", "volume", r.Name)
	}
}

// grow has the file system grow that is smaller than its volume. What the API server does not tell is not to be done now.
func (p *Plugin) grow(ctx context.Context, r *volumes.Record, l layout) error {
	ref := r.Spec.ClaimRef
	if ref == nil || r.ReadOnly {
		return nil
	}
	d, err := p.Drivers.get(r.Spec.CSI.Driver)
	if err != nil || !d.can[csi.NodeServiceCapability_RPC_EXPAND_VOLUME] {
		return nil
	}
	claim, size, err := p.wanted(ctx, r)
	if err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot look whether the volume is to grow", "volume", r.Name, "err", err)
	}
	if claim == nil {
		return nil
	}
	pod := &v1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: r.Namespace, Name: r.PodName, UID: r.Pod}
	if err := p.expand(ctx, r, d, l, claim, size); err != nil {
		err = &volumes.Failure{Volume: r.Name, Operation: "NodeExpandVolume.NodeExpandVolume failed", Err: err}
		p.event(pod, v1.EventTypeWarning, "VolumeResizeFailed", err.Error())
		return err
	}
	text := fmt.Sprintf("MountVolume.NodeExpandVolume succeeded for volume %q %s", r.Name, p.NodeName)
	p.event(pod, v1.EventTypeNormal, "FileSystemResizeSuccessful", text)
	p.event(&v1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
		v1.EventTypeNormal, "FileSystemResizeSuccessful", text)
	return nil
}

// wanted returns the claim whose volume is to grow, and to which size; nil if it is not to.
func (p *Plugin) wanted(ctx context.Context, r *volumes.Record) (*v1.PersistentVolumeClaim, resource.Quantity, error) {
	var size resource.Quantity
	ref := r.Spec.ClaimRef
	claim, err := p.Client.CoreV1().PersistentVolumeClaims(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil || !pending(claim) {
		return nil, size, err
	}
	volume, err := p.Client.CoreV1().PersistentVolumes().Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil {
		return nil, size, err
	}
	if size = volume.Spec.Capacity[v1.ResourceStorage]; size.Cmp(claim.Status.Capacity[v1.ResourceStorage]) <= 0 {
		return nil, size, nil
	}
	return claim, size, nil
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
		_, told := p.tell(ctx, claim, func(s *v1.PersistentVolumeClaimStatus) { notGrown(s, err, metav1.Now()) })
		return errors.Join(err, told)
	}
	_, err = p.tell(ctx, claim, func(s *v1.PersistentVolumeClaimStatus) { grown(s, size) })
	return err
}

// notGrown is the status of a claim whose driver refused. What can never succeed is not tried again (KEP-1790).
func notGrown(s *v1.PersistentVolumeClaimStatus, why error, now metav1.Time) {
	if infeasible(why) {
		s.AllocatedResourceStatuses[v1.ResourceStorage] = v1.PersistentVolumeClaimNodeResizeInfeasible
	}
	c := v1.PersistentVolumeClaimCondition{
		Type: v1.PersistentVolumeClaimNodeResizeError, Status: v1.ConditionTrue, LastTransitionTime: now,
		Message: fmt.Sprintf("failed to expand pvc with %v", why),
	}
	i := slices.IndexFunc(s.Conditions, func(o v1.PersistentVolumeClaimCondition) bool { return o.Type == c.Type })
	if i < 0 {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if s.Conditions[i].Status == c.Status {
		c.LastTransitionTime = s.Conditions[i].LastTransitionTime
	}
	s.Conditions[i] = c
}

// infeasible tells whether the driver says that the volume cannot have the size, whenever it is asked.
func infeasible(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.OutOfRange, codes.NotFound:
		return true
	}
	return false
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
