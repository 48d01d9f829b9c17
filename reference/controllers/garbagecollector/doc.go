// Package garbagecollector deletes objects whose owners are gone, and sees to
// the order of deletion that the deleter of an owner has asked for:
//
//   - background (the default): the owner goes at once, its dependents after it;
//   - foreground: the owner waits, with the finalizer foregroundDeletion, until
//     those dependents are gone whose reference says blockOwnerDeletion;
//   - orphan: the owner waits, with the finalizer orphan, until its dependents no
//     longer refer to it.
//
// It watches the metadata of every kind that can be listed, watched and deleted,
// custom ones included, and keeps who owns whom in a [graph], which is pure data.
// The graph says only whom to look at. What is done to an object is decided from
// its live state and that of its owners, so that a stale watch deletes nothing:
//
//   - An owner is absent if the API server knows no object of its kind, name, uid
//     and the dependent's namespace. A reference with the right uid and the wrong
//     coordinates is as good as none.
//   - A cluster-scoped object that names an owner of a namespaced kind cannot be
//     judged and is never collected.
//   - An object is deleted once all owners it names are absent or wait for their
//     dependents' deletion. As long as one is there, only the references to
//     absent ones are removed.
//
// Documentation: concepts/architecture/garbage-collection,
// concepts/overview/working-with-objects/owners-dependents.
package garbagecollector
