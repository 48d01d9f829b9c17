package apps

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ControllerRevisions is the controllerrevisions resource.
var ControllerRevisions = generic.Resource[*appsv1.ControllerRevision]{
	GV: appsv1.SchemeGroupVersion, Plural: "controllerrevisions", Singular: "controllerrevision",
	Object: &appsv1.ControllerRevision{}, List: &appsv1.ControllerRevisionList{},
	Validate:       validation.ControllerRevision,
	ValidateUpdate: validation.ControllerRevisionUpdate,
	Columns: []generic.Column[*appsv1.ControllerRevision]{
		generic.Name[*appsv1.ControllerRevision](),
		{Name: "Controller", Doc: "Controller of the object", Cell: func(r *appsv1.ControllerRevision) any {
			owner := metav1.GetControllerOf(r)
			if owner == nil {
				return generic.None
			}
			kind := strings.ToLower(owner.Kind)
			if gv, err := schema.ParseGroupVersion(owner.APIVersion); err == nil && gv.Group != "" {
				kind += "." + gv.Group
			}
			return kind + "/" + owner.Name
		}},
		{Name: "Revision", Doc: appsv1.ControllerRevision{}.SwaggerDoc()["revision"], Cell: func(r *appsv1.ControllerRevision) any { return r.Revision }},
		generic.Age[*appsv1.ControllerRevision](),
	},
}
