// Package defaults fills in what a user may leave out of an object.
//
// It holds the rules of https://kubernetes.io/docs/reference/kubernetes-api/ that depend on nothing
// but the object: what upstream does in its defaulting functions, and what it does in conversion
// between versions (there is one Go type per kind here, so old spellings of a field are brought in
// step at the same time). Every function is idempotent and never panics.
package defaults
