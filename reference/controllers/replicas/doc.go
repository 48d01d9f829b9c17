// Package replicas keeps a number of identical pods alive. It is what the
// ReplicaSet and ReplicationController controllers have in common; each of them
// adds only a [Kind], which says how its API objects are read and written.
//
// Documentation: concepts/workloads/controllers/replicaset.
package replicas
