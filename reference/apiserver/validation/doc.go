// Package validation holds the rules that decide whether an object may be stored.
//
// Every function is pure: it looks at the object (and, on update, at what is stored) and answers
// with the list of what is wrong, in the field paths and words that Kubernetes users know
// (https://kubernetes.io/docs/reference/kubernetes-api/). Objects are expected to have been
// defaulted (package defaults); an object that was not is refused, never a panic.
//
//   - Kind(obj) judges a new object.
//   - KindUpdate(new, old) judges a replacement completely: callers need not call Kind too.
//   - KindStatusUpdate(new, old) judges a write to the status subresource.
//
// What the tags of the published types declare is generated into package declared; package generic joins both and says
// nothing twice. The tags cover lengths, formats, required fields and the like of most groups (of resource.k8s.io the
// greater part), but neither object metadata nor rules across fields, and the alpha ones are not enforced: the rules
// here stay complete by themselves wherever no standard or beta tag says the same.
package validation
