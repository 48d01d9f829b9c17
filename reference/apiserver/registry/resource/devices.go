package resource

import (
	"context"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// DeviceClasses is the deviceclasses resource.
var DeviceClasses = generic.Resource[*resourcev1.DeviceClass]{
	GV: resourcev1.SchemeGroupVersion, Plural: "deviceclasses", Singular: "deviceclass", Cluster: true,
	Object: &resourcev1.DeviceClass{}, List: &resourcev1.DeviceClassList{},
	Spec:           func(c *resourcev1.DeviceClass) any { return &c.Spec },
	Validate:       validation.DeviceClass,
	ValidateUpdate: validation.DeviceClassUpdate,
	Generation:     true,
	ReturnDeleted:  true,
	Columns: []generic.Column[*resourcev1.DeviceClass]{
		generic.Name[*resourcev1.DeviceClass](),
		generic.Age[*resourcev1.DeviceClass](),
	},
}

// ResourceSlices is the resourceslices resource: the devices that drivers publish.
var ResourceSlices = generic.Resource[*resourcev1.ResourceSlice]{
	GV: resourcev1.SchemeGroupVersion, Plural: "resourceslices", Singular: "resourceslice", Cluster: true,
	Object: &resourcev1.ResourceSlice{}, List: &resourcev1.ResourceSliceList{},
	Spec: func(s *resourcev1.ResourceSlice) any { return &s.Spec },
	PrepareCreate: func(_ context.Context, s *resourcev1.ResourceSlice) {
		stampTaints(s.Spec.Devices, metav1.Now())
	},
	PrepareUpdate: func(_ context.Context, s, _ *resourcev1.ResourceSlice) {
		stampTaints(s.Spec.Devices, metav1.Now())
	},
	Validate:       validation.ResourceSlice,
	ValidateUpdate: validation.ResourceSliceUpdate,
	Generation:     true,
	ReturnDeleted:  true,
	Fields: func(s *resourcev1.ResourceSlice) fields.Set {
		return fields.Set{
			resourcev1.ResourceSliceSelectorNodeName: generic.Deref(s.Spec.NodeName),
			resourcev1.ResourceSliceSelectorDriver:   s.Spec.Driver,
			resourcev1.ResourceSliceSelectorPoolName: s.Spec.Pool.Name,
		}
	},
	Indexed: resourcev1.ResourceSliceSelectorNodeName,
	Columns: []generic.Column[*resourcev1.ResourceSlice]{
		generic.Name[*resourcev1.ResourceSlice](),
		{Name: "Node", Doc: resourcev1.ResourceSliceSpec{}.SwaggerDoc()["nodeName"], Cell: func(s *resourcev1.ResourceSlice) any {
			if s.Spec.NodeName == nil {
				return generic.Unset
			}
			return *s.Spec.NodeName
		}},
		{Name: "Driver", Doc: resourcev1.ResourceSliceSpec{}.SwaggerDoc()["driver"], Cell: func(s *resourcev1.ResourceSlice) any { return s.Spec.Driver }},
		{Name: "Pool", Doc: resourcev1.ResourcePool{}.SwaggerDoc()["name"], Cell: func(s *resourcev1.ResourceSlice) any { return s.Spec.Pool.Name }},
		generic.Age[*resourcev1.ResourceSlice](),
	},
}

// stampTaints gives taints that come without a time the current one. Times are of whole seconds on the wire.
func stampTaints(devices []resourcev1.Device, now metav1.Time) {
	for i := range devices {
		for j := range devices[i].Taints {
			if t := &devices[i].Taints[j]; t.TimeAdded == nil {
				t.TimeAdded = wholeSeconds(now)
			}
		}
	}
}

func wholeSeconds(t metav1.Time) *metav1.Time {
	whole := t.Rfc3339Copy()
	return &whole
}

// DeviceTaintRules is the devicetaintrules resource: taints that administrators put on devices.
var DeviceTaintRules = generic.Resource[*resourcev1.DeviceTaintRule]{
	GV: resourcev1.SchemeGroupVersion, Plural: "devicetaintrules", Singular: "devicetaintrule", Cluster: true,
	Object: &resourcev1.DeviceTaintRule{}, List: &resourcev1.DeviceTaintRuleList{},
	Spec:   func(r *resourcev1.DeviceTaintRule) any { return &r.Spec },
	Status: func(r *resourcev1.DeviceTaintRule) any { return &r.Status },
	PrepareCreate: func(_ context.Context, r *resourcev1.DeviceTaintRule) {
		if t := &r.Spec.Taint; t.TimeAdded == nil {
			t.TimeAdded = wholeSeconds(metav1.Now())
		}
	},
	PrepareUpdate: func(_ context.Context, r, old *resourcev1.DeviceTaintRule) { restampTaint(r, old, metav1.Now()) },

	StatusKeepsMeta: true,
	Validate:        validation.DeviceTaintRule,
	ValidateUpdate:  validation.DeviceTaintRuleUpdate,
	ValidateStatus:  validation.DeviceTaintRuleStatusUpdate,
	Generation:      true,
	ReturnDeleted:   true,
	Columns: []generic.Column[*resourcev1.DeviceTaintRule]{
		generic.Name[*resourcev1.DeviceTaintRule](),
		generic.Age[*resourcev1.DeviceTaintRule](),
	},
}

// restampTaint gives a taint a new time when its effect changes and the client kept the old time, or sent none.
func restampTaint(r, old *resourcev1.DeviceTaintRule, now metav1.Time) {
	t, before := &r.Spec.Taint, &old.Spec.Taint
	if t.TimeAdded == nil || t.Effect != before.Effect && t.TimeAdded.Equal(before.TimeAdded) {
		t.TimeAdded = wholeSeconds(now)
	}
}
