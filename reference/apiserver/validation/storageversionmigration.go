package validation

import (
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// StorageVersionMigration checks a new StorageVersionMigration.
func StorageVersionMigration(m *storagemigrationv1.StorageVersionMigration) field.ErrorList {
	errs := newMeta(&m.ObjectMeta, clusterScoped, subdomainName)
	resource := specPath.Child("resource")
	if group := m.Spec.Resource.Group; group != "" {
		errs = append(errs, dnsSubdomain(resource.Child("group"), group)...)
	}
	if name := m.Spec.Resource.Resource; name == "" {
		errs = append(errs, field.Required(resource.Child("resource"), "resource is required"))
	} else {
		errs = append(errs, invalids(resource.Child("resource"), name, dns1035Name(name, false))...)
	}
	return errs
}

// StorageVersionMigrationUpdate checks a replacement: what is migrated never changes.
func StorageVersionMigrationUpdate(m, old *storagemigrationv1.StorageVersionMigration) field.ErrorList {
	errs := updatedMeta(&m.ObjectMeta, &old.ObjectMeta)
	return append(errs, unchanged(specPath, m.Spec, old.Spec)...)
}

// StorageVersionMigrationStatusUpdate checks what the migrator writes: from which version it started never changes, and
// success and failure are both final and exclude each other.
func StorageVersionMigrationStatusUpdate(m, old *storagemigrationv1.StorageVersionMigration) field.ErrorList {
	errs := updatedMeta(&m.ObjectMeta, &old.ObjectMeta)
	conditions := statusPath.Child("conditions")
	errs = append(errs, metav1validation.ValidateConditions(m.Status.Conditions, conditions)...)
	if old.Status.ResourceVersion != "" && m.Status.ResourceVersion != old.Status.ResourceVersion {
		errs = append(errs, field.Invalid(statusPath.Child("resourceVersion"), m.Status.ResourceVersion, "resourceVersion cannot be updated"))
	}
	const succeeded, failed, running = storagemigrationv1.MigrationSucceeded, storagemigrationv1.MigrationFailed, storagemigrationv1.MigrationRunning
	for _, pair := range [][2]storagemigrationv1.MigrationConditionType{{succeeded, failed}, {succeeded, running}, {failed, running}} {
		if migrationIs(m, pair[0]) && migrationIs(m, pair[1]) {
			errs = append(errs, field.Invalid(conditions, m.Status.Conditions, "Both "+string(pair[0])+" and "+string(pair[1])+" conditions cannot be true"))
		}
	}
	for _, final := range []storagemigrationv1.MigrationConditionType{succeeded, failed} {
		if migrationIs(old, final) && !migrationIs(m, final) {
			errs = append(errs, field.Invalid(conditions, m.Status.Conditions, string(final)+" condition cannot be set to false once it is true"))
		}
	}
	return errs
}

func migrationIs(m *storagemigrationv1.StorageVersionMigration, condition storagemigrationv1.MigrationConditionType) bool {
	for _, c := range m.Status.Conditions {
		if c.Type == string(condition) {
			return c.Status == "True"
		}
	}
	return false
}
