package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

var attachmentDoc = storagev1.VolumeAttachmentSpec{}.SwaggerDoc()

// VolumeAttachments is the volumeattachments resource.
var VolumeAttachments = generic.Resource[*storagev1.VolumeAttachment]{
	GV: storagev1.SchemeGroupVersion, Plural: "volumeattachments", Singular: "volumeattachment", Cluster: true,
	Object: &storagev1.VolumeAttachment{}, List: &storagev1.VolumeAttachmentList{},
	Spec:            func(a *storagev1.VolumeAttachment) any { return &a.Spec },
	Status:          func(a *storagev1.VolumeAttachment) any { return &a.Status },
	StatusKeepsMeta: true,
	Validate:        validation.VolumeAttachment,
	ValidateUpdate:  validation.VolumeAttachmentUpdate,
	ValidateStatus:  validation.VolumeAttachmentStatusUpdate,
	RequireVersion:  true,
	ReturnDeleted:   true,
	Columns: []generic.Column[*storagev1.VolumeAttachment]{
		generic.NameAs(func(a *storagev1.VolumeAttachment) string { return a.Name }),
		{Name: "Attacher", Format: "name", Doc: attachmentDoc["attacher"], Cell: func(a *storagev1.VolumeAttachment) any { return a.Spec.Attacher }},
		{Name: "PV", Doc: storagev1.VolumeAttachmentSource{}.SwaggerDoc()["persistentVolumeName"],
			Cell: func(a *storagev1.VolumeAttachment) any { return generic.Deref(a.Spec.Source.PersistentVolumeName) }},
		{Name: "Node", Doc: attachmentDoc["nodeName"], Cell: func(a *storagev1.VolumeAttachment) any { return a.Spec.NodeName }},
		{Name: "Attached", Type: "boolean", Doc: storagev1.VolumeAttachmentStatus{}.SwaggerDoc()["attached"],
			Cell: func(a *storagev1.VolumeAttachment) any { return a.Status.Attached }},
		generic.Age[*storagev1.VolumeAttachment](),
	},
}
