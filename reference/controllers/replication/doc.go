// Package replication is the ReplicationController controller: the older kind
// of package replicaset, with the same promise and a selector of equalities only.
package replication
