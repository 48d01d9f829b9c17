package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
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
	Spec:   func(c *corev1.PersistentVolumeClaim) any { return &c.Spec },
	Status: func(c *corev1.PersistentVolumeClaim) any { return &c.Status },
	PrepareCreate: func(_ context.Context, c *corev1.PersistentVolumeClaim) {
		c.Status.Phase = corev1.ClaimPending
		copyDataSource(&c.Spec)
	},
	PrepareUpdate:  func(_ context.Context, c, _ *corev1.PersistentVolumeClaim) { copyDataSource(&c.Spec) },
	Drop:           dropClaim,
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

// dropClaim drops what is off, and from dataSource what is neither a claim nor a snapshot: that
// field ignores what it does not know, dataSourceRef keeps it.
func dropClaim(c, old *corev1.PersistentVolumeClaim) {
	var was *corev1.PersistentVolumeClaimSpec
	if old != nil {
		was = &old.Spec
	}
	disabled.ClaimSpec(&c.Spec, was)
	if d := c.Spec.DataSource; d != nil && (was == nil || was.DataSource == nil) && !isClaimOrSnapshot(d) {
		c.Spec.DataSource = nil
	}
}

func isClaimOrSnapshot(d *corev1.TypedLocalObjectReference) bool {
	switch d.Kind {
	case "PersistentVolumeClaim":
		return generic.Deref(d.APIGroup) == ""
	case "VolumeSnapshot":
		return generic.Deref(d.APIGroup) == "snapshot.storage.k8s.io"
	default:
		return false
	}
}

// copyDataSource keeps dataSource and dataSourceRef the same for clients that know one of them.
func copyDataSource(s *corev1.PersistentVolumeClaimSpec) {
	switch d, r := s.DataSource, s.DataSourceRef; {
	case d != nil && r == nil:
		s.DataSourceRef = &corev1.TypedObjectReference{APIGroup: d.APIGroup, Kind: d.Kind, Name: d.Name}
	case d == nil && r != nil && generic.Deref(r.Namespace) == "":
		s.DataSource = &corev1.TypedLocalObjectReference{APIGroup: r.APIGroup, Kind: r.Kind, Name: r.Name}
	}
}
