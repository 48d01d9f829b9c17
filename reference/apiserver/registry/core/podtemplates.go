package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// PodTemplates is the podtemplates resource.
var PodTemplates = generic.Resource[*corev1.PodTemplate]{
	GV: corev1.SchemeGroupVersion, Plural: "podtemplates", Singular: "podtemplate",
	Object: &corev1.PodTemplate{}, List: &corev1.PodTemplateList{},
	Spec:           func(t *corev1.PodTemplate) any { return &t.Template },
	Drop:           disabled.Of(func(t *corev1.PodTemplate) *corev1.PodSpec { return &t.Template.Spec }),
	Validate:       validation.PodTemplate,
	Warnings:       warnings.PodTemplate,
	ValidateUpdate: validation.PodTemplateUpdate,
	Generation:     true,
	ReturnDeleted:  true,
	Columns:        podTemplateColumns(),
}

func podTemplateColumns() []generic.Column[*corev1.PodTemplate] {
	columns := []generic.Column[*corev1.PodTemplate]{generic.Name[*corev1.PodTemplate]()}
	for _, c := range generic.Templated(func(t *corev1.PodTemplate) *corev1.PodSpec { return &t.Template.Spec }) {
		c.Wide = false
		columns = append(columns, c)
	}
	return append(columns, generic.Column[*corev1.PodTemplate]{
		Name: "Pod Labels", Doc: "The labels for the pod template.",
		Cell: func(t *corev1.PodTemplate) any { return labels.FormatLabels(t.Template.Labels) },
	})
}
