package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ConfigMaps is the configmaps resource.
var ConfigMaps = generic.Resource[*corev1.ConfigMap]{
	GV: corev1.SchemeGroupVersion, Plural: "configmaps", Singular: "configmap", Short: []string{"cm"},
	Object: &corev1.ConfigMap{}, List: &corev1.ConfigMapList{},
	Validate:       validation.ConfigMap,
	ValidateUpdate: validation.ConfigMapUpdate,
	Indexed:        "metadata.name", // kubelets watch the ones that their pods use
	Columns: []generic.Column[*corev1.ConfigMap]{
		generic.Name[*corev1.ConfigMap](),
		{Name: "Data", Doc: corev1.ConfigMap{}.SwaggerDoc()["data"], Cell: func(c *corev1.ConfigMap) any { return int64(len(c.Data) + len(c.BinaryData)) }},
		generic.Age[*corev1.ConfigMap](),
	},
}
