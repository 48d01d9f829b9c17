// Package storagemigration declares the resources of the storagemigration.k8s.io group, v1.
package storagemigration

import (
	storagemigrationv1 "k8s.io/api/storagemigration/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// StorageVersionMigrations is the storageversionmigrations resource: requests to store objects anew.
var StorageVersionMigrations = generic.Resource[*storagemigrationv1.StorageVersionMigration]{
	GV: storagemigrationv1.SchemeGroupVersion, Plural: "storageversionmigrations", Singular: "storageversionmigration", Cluster: true,
	Object: &storagemigrationv1.StorageVersionMigration{}, List: &storagemigrationv1.StorageVersionMigrationList{},
	Spec:            func(m *storagemigrationv1.StorageVersionMigration) any { return &m.Spec },
	Status:          func(m *storagemigrationv1.StorageVersionMigration) any { return &m.Status },
	StatusKeepsMeta: true,
	Validate:        validation.StorageVersionMigration,
	ValidateUpdate:  validation.StorageVersionMigrationUpdate,
	ValidateStatus:  validation.StorageVersionMigrationStatusUpdate,
	RequireVersion:  true,
	Columns: []generic.Column[*storagemigrationv1.StorageVersionMigration]{
		generic.Name[*storagemigrationv1.StorageVersionMigration](),
		{Name: "Resource", Doc: "Fully qualified resource to migrate", Cell: func(m *storagemigrationv1.StorageVersionMigration) any { return m.Spec.Resource.String() }},
	},
}
