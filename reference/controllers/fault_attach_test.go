package controllers_test

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/attachdetach"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// faultDriver is the CSI driver of all rounds.
const faultDriver = "csi.faults.etalon.dev"

// A volume that only one node may have moves from one to the other. The scenario
// stands in for the CSI driver's attacher, which has a finalizer, and the kubelets.
func attachFaults() []fault.Scenario {
	a, b := []string{"a attached", "b"}, []string{"a", "b attached"}
	return []fault.Scenario{{
		Name: "attach", Start: runs(attachdetach.Name), Cluster: []string{"nodes", "persistentvolumes", "volumeattachments"}, Outcome: attachOutcome,
		Steps: []fault.Step{
			{Name: "use on a", Do: useVolume, Until: attachments("a asked", "b")},
			{Name: "attach to a", Do: attacher, Until: attachments(a...)},
			{Name: "mount on a", Do: mount("a", true)},
			{Name: "use on b", Do: podOn("b")},
			{Name: "cease on a", Do: func(ctx context.Context, r *fault.Round) error {
				return r.Client.CoreV1().Pods(r.Namespace).Delete(ctx, "on-a", metav1.DeleteOptions{})
			}, Until: attachments(a...)},
			{Name: "unmount on a", Do: mount("a", false), Until: attachments("a asked going", "b")},
			{Name: "detach from a", Do: attacher, Until: attachments("a", "b asked")},
			{Name: "attach to b", Do: attacher, Until: attachments(b...)},
		},
	}}
}

// useVolume makes two nodes, a volume bound to a claim, and a pod on the node a
// that uses it.
func useVolume(ctx context.Context, r *fault.Round) error {
	for _, name := range []string{"a", "b"} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace + "-" + name, Labels: map[string]string{fault.Label: r.Namespace},
			Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"}}}
		if _, err := r.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	_, err := r.Client.StorageV1().CSIDrivers().Create(ctx, &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: faultDriver}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	claim, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(""), VolumeName: r.Namespace, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	volume := newVolume(r.Namespace, r.Namespace)
	volume.Spec.StorageClassName = ""
	volume.Spec.ClaimRef = &corev1.ObjectReference{Namespace: r.Namespace, Name: "web", UID: claim.UID}
	volume.Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: faultDriver, VolumeHandle: r.Namespace}}
	if _, err := r.Client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{}); err != nil {
		return err
	}
	claim.Status.Phase = corev1.ClaimBound
	if _, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).UpdateStatus(ctx, claim, metav1.UpdateOptions{}); err != nil {
		return err
	}
	return podOn("a")(ctx, r)
}

// podOn makes a pod on the node that uses the volume.
func podOn(node string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "on-" + node}, Spec: template("web").Spec}
		pod.Spec.NodeName = r.Namespace + "-" + node
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "web"}}}}
		_, err := r.Client.CoreV1().Pods(r.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		return err
	}
}

// mount has the node say that the volume is mounted, or not.
func mount(node string, mounted bool) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		inUse := "[]"
		if mounted {
			inUse = fmt.Sprintf("[%q]", attachedName(r))
		}
		_, err := r.Client.CoreV1().Nodes().Patch(ctx, r.Namespace+"-"+node, types.MergePatchType,
			fmt.Appendf(nil, `{"status":{"volumesInUse":%s}}`, inUse), metav1.PatchOptions{}, "status")
		return err
	}
}

// attachedName is what nodes call the volume.
func attachedName(r *fault.Round) string {
	return "kubernetes.io/csi/" + faultDriver + "^" + r.Namespace
}

func roundAttachments(ctx context.Context, r *fault.Round) ([]storagev1.VolumeAttachment, error) {
	list, err := r.Client.StorageV1().VolumeAttachments().List(ctx, metav1.ListOptions{LabelSelector: fault.Label + "=" + r.Namespace})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// attacher attaches what is asked for, and detaches what is going.
func attacher(ctx context.Context, r *fault.Round) error {
	list, err := roundAttachments(ctx, r)
	if err != nil {
		return err
	}
	for i := range list {
		attachment := &list[i]
		going := attachment.DeletionTimestamp != nil
		attachment.Finalizers = []string{"faults.etalon.dev/attacher"}
		if going {
			attachment.Finalizers = nil
		}
		if attachment, err = r.Client.StorageV1().VolumeAttachments().Update(ctx, attachment, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if going {
			continue
		}
		attachment.Status.Attached = true
		if _, err := r.Client.StorageV1().VolumeAttachments().UpdateStatus(ctx, attachment, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// attachments waits until the nodes have these attachments: it has been asked for,
// or the node was told too, and it may be going.
func attachments(want ...string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		found, err := attachOutcome(ctx, r)
		if err == nil && found != fault.Lines(want) {
			err = fmt.Errorf("attachments are\n%s\nwant\n%s", found, fault.Lines(want))
		}
		return err
	}
}

// attachOutcome has a line for each node.
func attachOutcome(ctx context.Context, r *fault.Round) (string, error) {
	list, err := roundAttachments(ctx, r)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, name := range []string{"a", "b"} {
		node, err := r.Client.CoreV1().Nodes().Get(ctx, r.Namespace+"-"+name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		line := name
		for _, attachment := range list {
			if attachment.Spec.NodeName != node.Name {
				continue
			}
			told := slices.ContainsFunc(node.Status.VolumesAttached, func(v corev1.AttachedVolume) bool { return string(v.Name) == attachedName(r) })
			if line += " asked"; told && attachment.Status.Attached {
				line = name + " attached"
			}
			if attachment.DeletionTimestamp != nil {
				line += " going"
			}
		}
		lines = append(lines, line)
	}
	return fault.Lines(lines), nil
}
