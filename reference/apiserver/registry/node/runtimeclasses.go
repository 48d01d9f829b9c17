// Package node declares the resources of the node.k8s.io group, v1.
package node

import (
	nodev1 "k8s.io/api/node/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// RuntimeClasses is the runtimeclasses resource.
var RuntimeClasses = generic.Resource[*nodev1.RuntimeClass]{
	GV: nodev1.SchemeGroupVersion, Plural: "runtimeclasses", Singular: "runtimeclass", Cluster: true,
	Object: &nodev1.RuntimeClass{}, List: &nodev1.RuntimeClassList{},
	Validate:       validation.RuntimeClass,
	ValidateUpdate: validation.RuntimeClassUpdate,
	RequireVersion: true,
	Columns: []generic.Column[*nodev1.RuntimeClass]{
		generic.Name[*nodev1.RuntimeClass](),
		{Name: "Handler", Doc: nodev1.RuntimeClass{}.SwaggerDoc()["handler"], Cell: func(c *nodev1.RuntimeClass) any { return c.Handler }},
		generic.Age[*nodev1.RuntimeClass](),
	},
}
