package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	pvcSpecDoc   = corev1.PersistentVolumeClaimSpec{}.SwaggerDoc()
	pvcStatusDoc = corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()
)

// PersistentVolumeClaims is the persistentvolumeclaims resource.
var PersistentVolumeClaims = generic.Resource[*corev1.PersistentVolumeClaim]{
	GV: corev1.SchemeGroupVersion, Plural: "persistentvolumeclaims", Singular: "persistentvolumeclaim", Short: []string{"pvc"},
	Object: &corev1.PersistentVolumeClaim{}, List: &corev1.PersistentVolumeClaimList{},
	Spec:           func(c *corev1.PersistentVolumeClaim) any { return &c.Spec },
	Status:         func(c *corev1.PersistentVolumeClaim) any { return &c.Status },
	PrepareCreate:  func(_ context.Context, c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimPending },
	Validate:       validation.PersistentVolumeClaim,
	Warnings:       warnings.PersistentVolumeClaim,
	ValidateUpdate: validation.PersistentVolumeClaimUpdate,
	ValidateStatus: validation.PersistentVolumeClaimStatusUpdate,
	ReturnDeleted:  true,
	Columns: []generic.Column[*corev1.PersistentVolumeClaim]{
		generic.Name[*corev1.PersistentVolumeClaim](),
		{Name: "Status", Doc: pvcStatusDoc["phase"], Cell: func(c *corev1.PersistentVolumeClaim) any {
			return phaseOrTerminating(string(c.Status.Phase), c.DeletionTimestamp)
		}},
		{Name: "Volume", Doc: pvcSpecDoc["volumeName"], Cell: func(c *corev1.PersistentVolumeClaim) any { return c.Spec.VolumeName }},
		{Name: "Capacity", Doc: pvcStatusDoc["capacity"], Cell: func(c *corev1.PersistentVolumeClaim) any {
			if c.Spec.VolumeName == "" {
				return ""
			}
			return quantity(c.Status.Capacity)
		}},
		{Name: "Access Modes", Doc: pvcStatusDoc["accessModes"], Cell: func(c *corev1.PersistentVolumeClaim) any {
			if c.Spec.VolumeName == "" {
				return ""
			}
			return accessModes(c.Status.AccessModes)
		}},
		{Name: "StorageClass", Doc: "StorageClass of the pvc", Cell: func(c *corev1.PersistentVolumeClaim) any {
			if class, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			return generic.Deref(c.Spec.StorageClassName)
		}},
		{Name: "VolumeAttributesClass", Doc: "VolumeAttributesClass of the pvc", Cell: func(c *corev1.PersistentVolumeClaim) any { return orUnset(c.Spec.VolumeAttributesClassName) }},
		generic.Age[*corev1.PersistentVolumeClaim](),
		{Name: "VolumeMode", Wide: true, Doc: pvcSpecDoc["volumeMode"], Cell: func(c *corev1.PersistentVolumeClaim) any { return volumeMode(c.Spec.VolumeMode) }},
	},
}
