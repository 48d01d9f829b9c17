// Package coordination declares the resources of the coordination.k8s.io group, v1.
package coordination

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// Leases is the leases resource.
var Leases = generic.Resource[*coordinationv1.Lease]{
	GV: coordinationv1.SchemeGroupVersion, Plural: "leases", Singular: "lease",
	Object: &coordinationv1.Lease{}, List: &coordinationv1.LeaseList{},
	PrepareCreate: func(_ context.Context, l *coordinationv1.Lease) {
		dropCoordination(&l.Spec, &coordinationv1.LeaseSpec{})
	},
	PrepareUpdate:  func(_ context.Context, l, old *coordinationv1.Lease) { dropCoordination(&l.Spec, &old.Spec) },
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

// dropCoordination clears the fields of the feature CoordinatedLeaderElection, which is off by default; what
// has been stored stays.
func dropCoordination(s, old *coordinationv1.LeaseSpec) {
	if old.Strategy == nil {
		s.Strategy = nil
	}
	if old.PreferredHolder == nil {
		s.PreferredHolder = nil
	}
}
