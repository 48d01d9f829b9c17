// Package storage declares the resources of the storage.k8s.io group, v1.
package storage

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

var classDoc = storagev1.StorageClass{}.SwaggerDoc()

// StorageClasses is the storageclasses resource.
var StorageClasses = generic.Resource[*storagev1.StorageClass]{
	GV: storagev1.SchemeGroupVersion, Plural: "storageclasses", Singular: "storageclass", Short: []string{"sc"}, Cluster: true,
	Object: &storagev1.StorageClass{}, List: &storagev1.StorageClassList{},
	Validate:       validation.StorageClass,
	ValidateUpdate: validation.StorageClassUpdate,
	ReturnDeleted:  true,
	Columns: []generic.Column[*storagev1.StorageClass]{
		generic.NameAs(func(c *storagev1.StorageClass) string {
			if isDefault(c.Annotations) {
				return c.Name + " (default)"
			}
			return c.Name
		}),
		{Name: "Provisioner", Doc: classDoc["provisioner"], Cell: func(c *storagev1.StorageClass) any { return c.Provisioner }},
		{Name: "ReclaimPolicy", Doc: classDoc["reclaimPolicy"], Cell: func(c *storagev1.StorageClass) any {
			if c.ReclaimPolicy == nil {
				return string(corev1.PersistentVolumeReclaimDelete)
			}
			return string(*c.ReclaimPolicy)
		}},
		{Name: "VolumeBindingMode", Doc: classDoc["volumeBindingMode"], Cell: func(c *storagev1.StorageClass) any {
			if c.VolumeBindingMode == nil {
				return string(storagev1.VolumeBindingImmediate)
			}
			return string(*c.VolumeBindingMode)
		}},
		{Name: "AllowVolumeExpansion", Doc: classDoc["allowVolumeExpansion"], Cell: func(c *storagev1.StorageClass) any { return generic.Deref(c.AllowVolumeExpansion) }},
		generic.Age[*storagev1.StorageClass](),
	},
}

// isDefault says whether a class is what claims without a class get.
func isDefault(annotations map[string]string) bool {
	return annotations["storageclass.kubernetes.io/is-default-class"] == "true" ||
		annotations["storageclass.beta.kubernetes.io/is-default-class"] == "true"
}

// VolumeAttributesClasses is the volumeattributesclasses resource.
var VolumeAttributesClasses = generic.Resource[*storagev1.VolumeAttributesClass]{
	GV: storagev1.SchemeGroupVersion, Plural: "volumeattributesclasses", Singular: "volumeattributesclass", Short: []string{"vac"}, Cluster: true,
	Object: &storagev1.VolumeAttributesClass{}, List: &storagev1.VolumeAttributesClassList{},
	Validate:       validation.VolumeAttributesClass,
	ValidateUpdate: validation.VolumeAttributesClassUpdate,
	ReturnDeleted:  true,
	Columns: []generic.Column[*storagev1.VolumeAttributesClass]{
		generic.Name[*storagev1.VolumeAttributesClass](),
		{Name: "DriverName", Doc: storagev1.VolumeAttributesClass{}.SwaggerDoc()["driverName"], Cell: func(c *storagev1.VolumeAttributesClass) any { return c.DriverName }},
		generic.Age[*storagev1.VolumeAttributesClass](),
	},
}
