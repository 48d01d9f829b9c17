package storage

import (
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

var driverDoc = storagev1.CSIDriverSpec{}.SwaggerDoc()

// CSIDrivers is the csidrivers resource.
var CSIDrivers = generic.Resource[*storagev1.CSIDriver]{
	GV: storagev1.SchemeGroupVersion, Plural: "csidrivers", Singular: "csidriver", Cluster: true,
	Object: &storagev1.CSIDriver{}, List: &storagev1.CSIDriverList{},
	Spec:           func(d *storagev1.CSIDriver) any { return &d.Spec },
	Validate:       validation.CSIDriver,
	ValidateUpdate: validation.CSIDriverUpdate,
	RequireVersion: true,
	ReturnDeleted:  true,
	Generation:     true,
	Changed: func(d, old *storagev1.CSIDriver) bool {
		return !equality.Semantic.DeepEqual(d.Spec.TokenRequests, old.Spec.TokenRequests) ||
			!equality.Semantic.DeepEqual(d.Spec.RequiresRepublish, old.Spec.RequiresRepublish)
	},
	Columns: []generic.Column[*storagev1.CSIDriver]{
		generic.Name[*storagev1.CSIDriver](),
		{Name: "AttachRequired", Type: "boolean", Doc: driverDoc["attachRequired"], Cell: func(d *storagev1.CSIDriver) any { return d.Spec.AttachRequired == nil || *d.Spec.AttachRequired }},
		{Name: "PodInfoOnMount", Type: "boolean", Doc: driverDoc["podInfoOnMount"], Cell: func(d *storagev1.CSIDriver) any { return generic.Deref(d.Spec.PodInfoOnMount) }},
		{Name: "StorageCapacity", Type: "boolean", Doc: driverDoc["storageCapacity"], Cell: func(d *storagev1.CSIDriver) any { return generic.Deref(d.Spec.StorageCapacity) }},
		{Name: "TokenRequests", Doc: driverDoc["tokenRequests"], Cell: func(d *storagev1.CSIDriver) any {
			var audiences []string
			for _, r := range d.Spec.TokenRequests {
				audiences = append(audiences, r.Audience)
			}
			return generic.Or(strings.Join(audiences, ","), generic.Unset)
		}},
		{Name: "RequiresRepublish", Type: "boolean", Doc: driverDoc["requiresRepublish"], Cell: func(d *storagev1.CSIDriver) any { return generic.Deref(d.Spec.RequiresRepublish) }},
		{Name: "Modes", Doc: driverDoc["volumeLifecycleModes"], Cell: func(d *storagev1.CSIDriver) any {
			var modes []string
			for _, m := range d.Spec.VolumeLifecycleModes {
				modes = append(modes, string(m))
			}
			return generic.Joined(modes)
		}},
		generic.Age[*storagev1.CSIDriver](),
	},
}

// CSINodes is the csinodes resource.
var CSINodes = generic.Resource[*storagev1.CSINode]{
	GV: storagev1.SchemeGroupVersion, Plural: "csinodes", Singular: "csinode", Cluster: true,
	Object: &storagev1.CSINode{}, List: &storagev1.CSINodeList{},
	Validate:       validation.CSINode,
	ValidateUpdate: validation.CSINodeUpdate,
	RequireVersion: true,
	ReturnDeleted:  true,
	Columns: []generic.Column[*storagev1.CSINode]{
		generic.Name[*storagev1.CSINode](),
		{Name: "Drivers", Type: generic.Integer, Doc: "Drivers indicates the number of CSI drivers registered on the node", Cell: func(n *storagev1.CSINode) any { return int64(len(n.Spec.Drivers)) }},
		generic.Age[*storagev1.CSINode](),
	},
}

// CSIStorageCapacities is the csistoragecapacities resource.
var CSIStorageCapacities = generic.Resource[*storagev1.CSIStorageCapacity]{
	GV: storagev1.SchemeGroupVersion, Plural: "csistoragecapacities", Singular: "csistoragecapacity",
	Object: &storagev1.CSIStorageCapacity{}, List: &storagev1.CSIStorageCapacityList{},
	Validate:       validation.CSIStorageCapacity,
	ValidateUpdate: validation.CSIStorageCapacityUpdate,
	Columns: []generic.Column[*storagev1.CSIStorageCapacity]{
		generic.Name[*storagev1.CSIStorageCapacity](),
		{Name: "StorageClassName", Doc: storagev1.CSIStorageCapacity{}.SwaggerDoc()["storageClassName"], Cell: func(c *storagev1.CSIStorageCapacity) any { return c.StorageClassName }},
		{Name: "Capacity", Doc: storagev1.CSIStorageCapacity{}.SwaggerDoc()["capacity"], Cell: func(c *storagev1.CSIStorageCapacity) any { return quantityOrUnset(c.Capacity) }},
	},
}

func quantityOrUnset(q *resource.Quantity) string {
	if q == nil {
		return generic.Unset
	}
	return q.String()
}
