package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var secretDoc = corev1.Secret{}.SwaggerDoc()

// Secrets is the secrets resource.
var Secrets = generic.Resource[*corev1.Secret]{
	GV: corev1.SchemeGroupVersion, Plural: "secrets", Singular: "secret",
	Object: &corev1.Secret{}, List: &corev1.SecretList{},
	Validate:       validation.Secret,
	Warnings:       warnings.Secret,
	ValidateUpdate: validation.SecretUpdate,
	Fields:         func(s *corev1.Secret) fields.Set { return fields.Set{"type": string(s.Type)} },
	Indexed:        "metadata.name", // kubelets watch the ones that their pods use
	Columns: []generic.Column[*corev1.Secret]{
		generic.Name[*corev1.Secret](),
		{Name: "Type", Doc: secretDoc["type"], Cell: func(s *corev1.Secret) any { return string(s.Type) }},
		{Name: "Data", Doc: secretDoc["data"], Cell: func(s *corev1.Secret) any { return int64(len(s.Data)) }},
		generic.Age[*corev1.Secret](),
	},
}
