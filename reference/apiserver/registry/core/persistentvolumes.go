package core

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	pvSpecDoc   = corev1.PersistentVolumeSpec{}.SwaggerDoc()
	pvStatusDoc = corev1.PersistentVolumeStatus{}.SwaggerDoc()
)

// PersistentVolumes is the persistentvolumes resource.
var PersistentVolumes = generic.Resource[*corev1.PersistentVolume]{
	GV: corev1.SchemeGroupVersion, Plural: "persistentvolumes", Singular: "persistentvolume", Short: []string{"pv"}, Cluster: true,
	Object: &corev1.PersistentVolume{}, List: &corev1.PersistentVolumeList{},
	Spec:   func(v *corev1.PersistentVolume) any { return &v.Spec },
	Status: func(v *corev1.PersistentVolume) any { return &v.Status },
	PrepareCreate: func(_ context.Context, v *corev1.PersistentVolume) {
		now := metav1.Now()
		v.Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumePending, LastPhaseTransitionTime: &now}
	},
	PrepareStatus: func(_ context.Context, v, old *corev1.PersistentVolume) {
		if v.Status.Phase == old.Status.Phase {
			if v.Status.LastPhaseTransitionTime == nil {
				v.Status.LastPhaseTransitionTime = old.Status.LastPhaseTransitionTime
			}
			return
		}
		if v.Status.LastPhaseTransitionTime == nil || v.Status.LastPhaseTransitionTime.Equal(old.Status.LastPhaseTransitionTime) {
			now := metav1.Now()
			v.Status.LastPhaseTransitionTime = &now
		}
	},
	Validate:       validation.PersistentVolume,
	Warnings:       warnings.PersistentVolume,
	ValidateUpdate: validation.PersistentVolumeUpdate,
	ValidateStatus: validation.PersistentVolumeStatusUpdate,
	ReturnDeleted:  true,
	Columns: []generic.Column[*corev1.PersistentVolume]{
		generic.Name[*corev1.PersistentVolume](),
		{Name: "Capacity", Doc: pvSpecDoc["capacity"], Cell: func(v *corev1.PersistentVolume) any { return quantity(v.Spec.Capacity) }},
		{Name: "Access Modes", Doc: pvSpecDoc["accessModes"], Cell: func(v *corev1.PersistentVolume) any { return accessModes(v.Spec.AccessModes) }},
		{Name: "Reclaim Policy", Doc: pvSpecDoc["persistentVolumeReclaimPolicy"], Cell: func(v *corev1.PersistentVolume) any { return string(v.Spec.PersistentVolumeReclaimPolicy) }},
		{Name: "Status", Doc: pvStatusDoc["phase"], Cell: func(v *corev1.PersistentVolume) any {
			return phaseOrTerminating(string(v.Status.Phase), v.DeletionTimestamp)
		}},
		{Name: "Claim", Doc: pvSpecDoc["claimRef"], Cell: func(v *corev1.PersistentVolume) any {
			if v.Spec.ClaimRef == nil {
				return ""
			}
			return v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name
		}},
		{Name: "StorageClass", Doc: "StorageClass of the pv", Cell: func(v *corev1.PersistentVolume) any {
			if class, ok := v.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			return v.Spec.StorageClassName
		}},
		{Name: "VolumeAttributesClass", Doc: "VolumeAttributesClass of the pv", Cell: func(v *corev1.PersistentVolume) any { return orUnset(v.Spec.VolumeAttributesClassName) }},
		{Name: "Reason", Doc: pvStatusDoc["reason"], Cell: func(v *corev1.PersistentVolume) any { return v.Status.Reason }},
		generic.Age[*corev1.PersistentVolume](),
		{Name: "VolumeMode", Wide: true, Doc: pvSpecDoc["volumeMode"], Cell: func(v *corev1.PersistentVolume) any { return volumeMode(v.Spec.VolumeMode) }},
	},
}

func quantity(list corev1.ResourceList) string {
	q := list[corev1.ResourceStorage]
	return q.String()
}

// accessModes abbreviates the modes, each once.
func accessModes(modes []corev1.PersistentVolumeAccessMode) string {
	var out []string
	for _, m := range []struct {
		mode  corev1.PersistentVolumeAccessMode
		short string
	}{
		{corev1.ReadWriteOnce, "RWO"}, {corev1.ReadOnlyMany, "ROX"}, {corev1.ReadWriteMany, "RWX"}, {corev1.ReadWriteOncePod, "RWOP"},
	} {
		for _, mode := range modes {
			if mode == m.mode {
				out = append(out, m.short)
				break
			}
		}
	}
	return strings.Join(out, ",")
}

func phaseOrTerminating(phase string, deleted *metav1.Time) string {
	if deleted != nil {
		return "Terminating"
	}
	return phase
}

func orUnset(s *string) string { return generic.Or(generic.Deref(s), generic.Unset) }

func volumeMode(m *corev1.PersistentVolumeMode) string {
	return generic.Or(string(generic.Deref(m)), generic.Unset)
}
