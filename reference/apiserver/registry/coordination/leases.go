// Package coordination declares the resources of the coordination.k8s.io group, v1.
package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// Leases is the leases resource.
var Leases = generic.Resource[*coordinationv1.Lease]{
	GV: coordinationv1.SchemeGroupVersion, Plural: "leases", Singular: "lease",
	Object: &coordinationv1.Lease{}, List: &coordinationv1.LeaseList{},
	Validate:       validation.Lease,
	ValidateUpdate: validation.LeaseUpdate,
	CreateOnUpdate: true,
	RequireVersion: true, // a lease taken without looking is no lease
	Columns: []generic.Column[*coordinationv1.Lease]{
		generic.Name[*coordinationv1.Lease](),
		{Name: "Holder", Doc: coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"], Cell: func(l *coordinationv1.Lease) any { return generic.Deref(l.Spec.HolderIdentity) }},
		generic.Age[*coordinationv1.Lease](),
	},
}
