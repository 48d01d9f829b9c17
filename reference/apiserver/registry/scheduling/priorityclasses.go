// Package scheduling declares the resources of the scheduling.k8s.io group, v1.
package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

var classDoc = schedulingv1.PriorityClass{}.SwaggerDoc()

// PriorityClasses is the priorityclasses resource.
var PriorityClasses = generic.Resource[*schedulingv1.PriorityClass]{
	GV: schedulingv1.SchemeGroupVersion, Plural: "priorityclasses", Singular: "priorityclass", Short: []string{"pc"}, Cluster: true,
	Object: &schedulingv1.PriorityClass{}, List: &schedulingv1.PriorityClassList{},
	Validate:       validation.PriorityClass,
	ValidateUpdate: validation.PriorityClassUpdate,
	Generation:     true,
	Changed:        func(_, _ *schedulingv1.PriorityClass) bool { return false }, // always 1
	Columns: []generic.Column[*schedulingv1.PriorityClass]{
		generic.Name[*schedulingv1.PriorityClass](),
		{Name: "Value", Type: generic.Integer, Doc: classDoc["value"], Cell: func(c *schedulingv1.PriorityClass) any { return int64(c.Value) }},
		{Name: "Global-Default", Type: "boolean", Doc: classDoc["globalDefault"], Cell: func(c *schedulingv1.PriorityClass) any { return c.GlobalDefault }},
		generic.Age[*schedulingv1.PriorityClass](),
		{Name: "PreemptionPolicy", Doc: classDoc["preemptionPolicy"], Cell: func(c *schedulingv1.PriorityClass) any { return string(generic.Deref(c.PreemptionPolicy)) }},
	},
}
