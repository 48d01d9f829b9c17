// Package replicaset is the ReplicaSet controller: it keeps as many pods as each
// ReplicaSet asks for. The work itself is package replicas'.
package replicaset
