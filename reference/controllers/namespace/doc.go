// Package namespace is the namespace controller: when a namespace is deleted it
// deletes everything in it, and then lets the namespace go.
//
// Pods go first, gracefully, and the rest only once no pod is left, so that what
// confines a pod (its NetworkPolicy, say) outlives it (KEP-5080). What is in the
// namespace is found out by discovery, custom resources included. Conditions on
// the namespace tell what is in the way.
//
// Documentation: tasks/administer-cluster/namespaces#deleting-a-namespace.
package namespace
