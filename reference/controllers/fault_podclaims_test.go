package controllers_test

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
	"github.com/etalon-dev/etalon/reference/controllers/ephemeralvolume"
	"github.com/etalon-dev/etalon/reference/controllers/resourceclaim"
)

// Claims are made for pods, to two devices and a volume each, reserved once they
// are allocated, and taken back when a pod has ended. The scenario stands in for
// the scheduler.
func podClaimFaults() []fault.Scenario {
	return []fault.Scenario{{
		Name: "pod-claims", Start: runs(resourceclaim.Name, ephemeralvolume.Name), Outcome: podClaimOutcome, Status: ending(whenTold),
		Steps: []fault.Step{
			{Name: "create", Do: createClaimants, Until: claimed("volume a-data", "volume b-data",
				"device a/one", "device a/two", "device b/one", "device b/two")},
			{Name: "allocate", Do: allocateClaims, Until: claimed("volume a-data", "volume b-data",
				"device a/one allocated for a", "device a/two allocated for a", "device b/one allocated for b", "device b/two allocated for b")},
			{Name: "finish one", Do: func(ctx context.Context, r *fault.Round) error {
				_, err := r.Client.CoreV1().Pods(r.Namespace).Patch(ctx, "a", types.MergePatchType, []byte(`{"metadata":{"annotations":{"faults":"finish"}}}`), metav1.PatchOptions{})
				return err
			}, Until: claimed("volume a-data", "volume b-data", "device b/one allocated for b", "device b/two allocated for b")},
		},
	}}
}

// createClaimants makes the pods a and b, on a node.
func createClaimants(ctx context.Context, r *fault.Round) error {
	_, err := r.Client.ResourceV1().ResourceClaimTemplates(r.Namespace).Create(ctx, &resourcev1.ResourceClaimTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: "gpu"},
		Spec: resourcev1.ResourceClaimTemplateSpec{Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{
			{Name: "r", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpus"}}}}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	for _, name := range []string{"a", "b"} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: template("web").Spec}
		pod.Spec.NodeName = "node-1"
		for _, entry := range []string{"one", "two"} {
			pod.Spec.ResourceClaims = append(pod.Spec.ResourceClaims, corev1.PodResourceClaim{Name: entry, ResourceClaimTemplateName: ptr.To("gpu")})
		}
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
			}}}}}}
		if _, err := r.Client.CoreV1().Pods(r.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// allocateClaims allocates a device to each claim, without reserving it.
func allocateClaims(ctx context.Context, r *fault.Round) error {
	claims := r.Client.ResourceV1().ResourceClaims(r.Namespace)
	list, err := claims.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		claim := &list.Items[i]
		claim.Finalizers = []string{resourcev1.Finalizer}
		if claim, err = claims.Update(ctx, claim, metav1.UpdateOptions{}); err != nil {
			return err
		}
		claim.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
			{Request: "r", Driver: "dra.faults.etalon.dev", Pool: "pool", Device: fmt.Sprintf("gpu-%d", i)}}}}
		if _, err := claims.UpdateStatus(ctx, claim, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// claimed waits until these are the claims.
func claimed(want ...string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		found, err := claimLines(ctx, r)
		if err == nil && fault.Lines(found) != fault.Lines(want) {
			err = fmt.Errorf("claims %q, want %q", found, want)
		}
		return err
	}
}

// claimLines has a line for each claim. A resource claim that its pod does not name
// in its status is unknown there.
func claimLines(ctx context.Context, r *fault.Round) ([]string, error) {
	var lines []string
	volumes, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, claim := range volumes.Items {
		lines = append(lines, "volume "+claim.Name)
	}
	claims, err := r.Client.ResourceV1().ResourceClaims(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, claim := range claims.Items {
		pod, err := r.Client.CoreV1().Pods(r.Namespace).Get(ctx, claim.OwnerReferences[0].Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		entry := claim.Annotations[resourcev1.PodResourceClaimAnnotation]
		line := fmt.Sprintf("device %s/%s", pod.Name, entry)
		if !slices.ContainsFunc(pod.Status.ResourceClaimStatuses, func(s corev1.PodResourceClaimStatus) bool {
			return s.Name == entry && ptr.Deref(s.ResourceClaimName, "") == claim.Name
		}) {
			line += " unknown"
		}
		if claim.Status.Allocation != nil {
			line += " allocated"
		}
		for _, by := range claim.Status.ReservedFor {
			line += " for " + by.Name
		}
		if claim.DeletionTimestamp != nil {
			line += " going"
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func podClaimOutcome(ctx context.Context, r *fault.Round) (string, error) {
	lines, err := claimLines(ctx, r)
	return fault.Lines(lines), err
}
