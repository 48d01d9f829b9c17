package storageversionmigrator

import (
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of the conditions.
const (
	inProgress = "StorageVersionMigrationInProgress"
	succeeded  = "StorageVersionMigrationSucceeded"
	failed     = "StorageVersionMigrationFailed"
)

// finished reports whether the migration has come to its end, good or bad.
func finished(m *storagemigrationv1.StorageVersionMigration) bool {
	return meta.IsStatusConditionTrue(m.Status.Conditions, string(storagemigrationv1.MigrationSucceeded)) ||
		meta.IsStatusConditionTrue(m.Status.Conditions, string(storagemigrationv1.MigrationFailed))
}

// begun is the status of a migration of the objects up to a resource version.
func begun(status storagemigrationv1.StorageVersionMigrationStatus, version string, now metav1.Time) storagemigrationv1.StorageVersionMigrationStatus {
	status = *status.DeepCopy()
	status.ResourceVersion = version
	set(&status, storagemigrationv1.MigrationRunning, metav1.ConditionTrue, inProgress, "", now)
	return status
}

// ended is the status of a migration that has succeeded, or failed for the reason
// that the problem tells.
func ended(status storagemigrationv1.StorageVersionMigrationStatus, problem string, now metav1.Time) storagemigrationv1.StorageVersionMigrationStatus {
	status = *status.DeepCopy()
	if meta.FindStatusCondition(status.Conditions, string(storagemigrationv1.MigrationRunning)) != nil {
		set(&status, storagemigrationv1.MigrationRunning, metav1.ConditionFalse, inProgress, "", now)
	}
	if problem == "" {
		set(&status, storagemigrationv1.MigrationSucceeded, metav1.ConditionTrue, succeeded, "", now)
	} else {
		set(&status, storagemigrationv1.MigrationFailed, metav1.ConditionTrue, failed, problem, now)
	}
	return status
}

func set(status *storagemigrationv1.StorageVersionMigrationStatus, condition storagemigrationv1.MigrationConditionType,
	value metav1.ConditionStatus, reason, message string, now metav1.Time) {
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: string(condition), Status: value, Reason: reason, Message: message, LastTransitionTime: now,
	})
}
