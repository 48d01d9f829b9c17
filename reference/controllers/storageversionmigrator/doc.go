// Package storageversionmigrator writes all objects of a resource anew when a
// StorageVersionMigration asks for it: in the version, and with the encryption,
// in which the API server stores them today.
//
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/storage-version-migration/
// KEP-4192
package storageversionmigrator
