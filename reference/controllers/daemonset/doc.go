// Package daemonset is the DaemonSet controller: it keeps one pod on each node
// that should run one, as nodes come, change and go, and replaces pods of an old
// template at the pace of the update strategy. The scheduler binds the pods: each
// has a node affinity that leaves it one node to choose.
//
// eligible.go says which nodes count, place.go what each of them lacks or has too
// much of, roll.go which pods an update may replace, status.go how it stands. None
// of them reads or writes anything; controller.go and apply.go do.
//
// Documentation: concepts/workloads/controllers/daemonset,
// tasks/manage-daemon/update-daemon-set, tasks/manage-daemon/rollback-daemon-set.
package daemonset
