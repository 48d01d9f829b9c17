// Package ephemeralvolume makes the PersistentVolumeClaims of generic ephemeral volumes. A claim is named after its pod
// and volume and owned by the pod, so that the garbage collector takes it away with the pod. A claim that somebody else
// made under that name is never used.
//
// https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
package ephemeralvolume
