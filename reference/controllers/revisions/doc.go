// Package revisions keeps the history of a pod template as ControllerRevisions:
// what the StatefulSet and DaemonSet controllers have in common, and what kubectl
// rollout history and undo read.
//
// data.go, name.go and history.go decide from objects alone; store.go reads and
// writes. A revision's data is a patch that puts its template back in place, so
// that undoing a rollout is to apply it.
//
// Documentation: concepts/workloads/controllers/statefulset#revision-history,
// tasks/manage-daemon/rollback-daemon-set.
package revisions
