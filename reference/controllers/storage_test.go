package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// devicesAndVolumes follows a pod whose volume and whose device are made for it: the claims are made and bound, the
// volume is attached, the device reserved; then the device is tainted, the pod goes, and everything is taken back.
// The test stands in for the CSI driver, the DRA driver and the scheduler's allocation.
func devicesAndVolumes(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	const driver, handle = "csi.example.com", "disk-1"
	node := ns
	_, err := c.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node,
		Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"}}}, metav1.CreateOptions{})
	must(t, err)
	_, err = c.StorageV1().CSIDrivers().Create(ctx, &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: driver}}, metav1.CreateOptions{})
	must(t, err)
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	_, err = c.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: ns}, Spec: corev1.PersistentVolumeSpec{
		Capacity: size, AccessModes: modes, ClaimRef: &corev1.ObjectReference{Namespace: ns, Name: "p-data"}, StorageClassName: ns,
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: handle}}}}, metav1.CreateOptions{})
	must(t, err)
	_, err = c.ResourceV1().ResourceClaimTemplates(ns).Create(ctx, &resourcev1.ResourceClaimTemplate{ObjectMeta: metav1.ObjectMeta{Name: "gpu"},
		Spec: resourcev1.ResourceClaimTemplateSpec{Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{
			{Name: "r", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpus"}}}}}}}, metav1.CreateOptions{})
	must(t, err)
	// The finalizer keeps the evicted pod to be looked at; the cluster's nodes remove it as soon as it stops.
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Finalizers: []string{"example.com/hold"}}, Spec: template("p").Spec}
	pod.Spec.NodeName = node
	pod.Spec.Containers[0].Resources.Claims = []corev1.ResourceClaim{{Name: "gpu"}}
	pod.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("gpu")}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
		VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: ptr.To(ns), Resources: corev1.VolumeResourceRequirements{Requests: size}}}}}}}
	pod, err = c.CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{})
	must(t, err)

	attachment := c.attach(t, node, ns)
	until(t, "the node to be told of the volume", func(ctx context.Context) error {
		n, err := c.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if err == nil && !slices.ContainsFunc(n.Status.VolumesAttached, func(a corev1.AttachedVolume) bool {
			return a.Name == "kubernetes.io/csi/"+driver+"^"+handle
		}) {
			err = fmt.Errorf("attached: %v", n.Status.VolumesAttached)
		}
		return err
	})

	claim := c.allocate(t, ns)
	until(t, "the claim to be reserved for the pod", func(ctx context.Context) error {
		got, err := c.ResourceV1().ResourceClaims(ns).Get(ctx, claim, metav1.GetOptions{})
		if err == nil && (len(got.Status.ReservedFor) != 1 || got.Status.ReservedFor[0].UID != pod.UID) {
			err = fmt.Errorf("reserved for %v", got.Status.ReservedFor)
		}
		return err
	})

	_, err = c.ResourceV1().DeviceTaintRules().Create(ctx, &resourcev1.DeviceTaintRule{ObjectMeta: metav1.ObjectMeta{Name: ns}, Spec: resourcev1.DeviceTaintRuleSpec{
		DeviceSelector: &resourcev1.DeviceTaintSelector{Driver: ptr.To("dra.example.com"), Pool: ptr.To(ns)},
		Taint:          resourcev1.DeviceTaint{Key: "example.com/broken", Effect: resourcev1.DeviceTaintEffectNoExecute}}}, metav1.CreateOptions{})
	must(t, err)
	until(t, "the pod to be evicted", func(ctx context.Context) error {
		got, err := c.CoreV1().Pods(ns).Get(ctx, "p", metav1.GetOptions{})
		if err != nil {
			return err
		}
		why := controller.PodCondition(got, corev1.DisruptionTarget)
		if got.DeletionTimestamp == nil || why == nil || why.Reason != "DeletionByDeviceTaintManager" {
			return fmt.Errorf("deleted %v, because of %+v", got.DeletionTimestamp, why)
		}
		return nil
	})
	_, err = c.CoreV1().Pods(ns).Patch(ctx, "p", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	must(t, err)
	until(t, "the rule to be done", func(ctx context.Context) error {
		rule, err := c.ResourceV1().DeviceTaintRules().Get(ctx, ns, metav1.GetOptions{})
		if err != nil {
			return err
		}
		said := meta.FindStatusCondition(rule.Status.Conditions, resourcev1.DeviceTaintConditionEvictionInProgress)
		if said == nil || said.Status != metav1.ConditionFalse || said.Reason != "Completed" || said.Message != "1 pod evicted since starting the controller." {
			return fmt.Errorf("it says %+v", said)
		}
		return nil
	})
	until(t, "everything to be taken back", func(ctx context.Context) error {
		_, noClaim := c.ResourceV1().ResourceClaims(ns).Get(ctx, claim, metav1.GetOptions{})
		_, noVolumeClaim := c.CoreV1().PersistentVolumeClaims(ns).Get(ctx, "p-data", metav1.GetOptions{})
		_, noAttachment := c.StorageV1().VolumeAttachments().Get(ctx, attachment, metav1.GetOptions{})
		v, err := c.CoreV1().PersistentVolumes().Get(ctx, ns, metav1.GetOptions{})
		if err == nil && (!apierrors.IsNotFound(noClaim) || !apierrors.IsNotFound(noVolumeClaim) || !apierrors.IsNotFound(noAttachment) || v.Status.Phase != corev1.VolumeReleased) {
			err = fmt.Errorf("resource claim: %v, volume claim: %v, attachment: %v, volume %s", noClaim, noVolumeClaim, noAttachment, v.Status.Phase)
		}
		return err
	})
}

// attach waits for the attachment of the volume to the node and does as an attacher does. It returns its name.
func (c *cluster) attach(t *testing.T, node, volume string) string {
	t.Helper()
	name := ""
	until(t, "an attachment", func(ctx context.Context) error {
		list, err := c.StorageV1().VolumeAttachments().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			a := &list.Items[i]
			if a.Spec.NodeName != node || ptr.Deref(a.Spec.Source.PersistentVolumeName, "") != volume {
				continue
			}
			a.Status.Attached = true
			_, err := c.StorageV1().VolumeAttachments().UpdateStatus(ctx, a, metav1.UpdateOptions{})
			name = a.Name
			return err
		}
		return fmt.Errorf("there are %d others", len(list.Items))
	})
	return name
}

// allocate waits for the claim that is made for the pod and does as a scheduler does. It returns its name.
func (c *cluster) allocate(t *testing.T, ns string) string {
	t.Helper()
	name := ""
	until(t, "a resource claim", func(ctx context.Context) error {
		list, err := c.ResourceV1().ResourceClaims(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || !strings.HasPrefix(list.Items[0].Name, "p-gpu-") {
			return fmt.Errorf("there are %d", len(list.Items))
		}
		claim := &list.Items[0]
		name = claim.Name
		claim.Finalizers = []string{resourcev1.Finalizer}
		if claim, err = c.ResourceV1().ResourceClaims(ns).Update(ctx, claim, metav1.UpdateOptions{}); err != nil {
			return err
		}
		claim.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
			{Request: "r", Driver: "dra.example.com", Pool: ns, Device: "gpu-0"}}}}
		_, err = c.ResourceV1().ResourceClaims(ns).UpdateStatus(ctx, claim, metav1.UpdateOptions{})
		return err
	})
	return name
}
