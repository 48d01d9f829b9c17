package garbagecollector

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// object is what the graph knows of an API object.
type object struct {
	uid       types.UID
	resource  schema.GroupVersionResource
	kind      schema.GroupVersionKind
	namespace string // empty if cluster-scoped
	name      string
	owners    []metav1.OwnerReference
	deleting  bool
	// foreground and orphan say that the object is being deleted and has the
	// finalizer of that name.
	foreground bool
	orphan     bool
}

// graph knows every object that was observed, and for every uid the objects that
// name it as their owner, whether or not that owner was ever observed. Its
// methods return the objects that a change gives reason to look at. It does no
// I/O and is not safe for concurrent use.
type graph struct {
	objects    map[types.UID]*object
	dependents map[types.UID]map[types.UID]bool
	// deleted are objects of which the API server has told that they are gone, for
	// as long as others name them: once their kind is not served any more, nobody
	// else can tell.
	deleted map[types.UID]*object
}

func newGraph() *graph {
	return &graph{objects: map[types.UID]*object{}, dependents: map[types.UID]map[types.UID]bool{}, deleted: map[types.UID]*object{}}
}

// observe adds the object, or replaces what was known of it.
func (g *graph) observe(now *object) []types.UID {
	before := g.objects[now.uid]
	if before != nil {
		g.unlink(before)
	} else {
		before = &object{}
	}
	g.objects[now.uid] = now
	delete(g.deleted, now.uid)
	for _, owner := range now.owners {
		if g.dependents[owner.UID] == nil {
			g.dependents[owner.UID] = map[types.UID]bool{}
		}
		g.dependents[owner.UID][now.uid] = true
	}

	g.lose(before)

	var look []types.UID
	// One that waits may also have come into a circle.
	if g.doubtful(now) || now.orphan || now.foreground {
		look = append(look, now.uid)
	}
	if now.foreground && !before.foreground {
		look = append(look, g.dependentsOf(now.uid)...)
	}
	// An owner that waits may wait no longer for an object that has let go of it.
	for _, was := range before.owners {
		if g.waits(was.UID) && !slices.ContainsFunc(now.owners, func(is metav1.OwnerReference) bool {
			return is.UID == was.UID && blocks(is) == blocks(was)
		}) {
			look = append(look, was.UID)
		}
	}
	// References that name this object wrongly came first.
	if before.uid == "" {
		for _, uid := range g.dependentsOf(now.uid) {
			if !g.matches(g.objects[uid], now) {
				look = append(look, uid)
			}
		}
	}
	return unique(look)
}

// remove forgets the object, of which the API server has told that it is gone.
func (g *graph) remove(uid types.UID) []types.UID {
	gone := g.objects[uid]
	look := g.forget(uid)
	if gone != nil && len(g.dependents[uid]) > 0 {
		g.deleted[uid] = gone
	}
	return look
}

// wasRemoved reports whether it is known that the owner, which a reference found in
// the namespace names rightly, is gone.
func (g *graph) wasRemoved(ref metav1.OwnerReference, namespace string) bool {
	gone := g.deleted[ref.UID]
	return gone != nil && refersTo(ref, namespace, gone)
}

// forget removes the object, whether it is gone or only out of sight: its
// dependents have lost an owner, and its owners one they may have waited for.
func (g *graph) forget(uid types.UID) []types.UID {
	gone := g.objects[uid]
	if gone == nil {
		return nil
	}
	look := g.dependentsOf(uid)
	for _, owner := range gone.owners {
		if g.waits(owner.UID) {
			look = append(look, owner.UID)
		}
	}
	g.unlink(gone)
	delete(g.objects, uid)
	g.lose(gone)
	for _, owner := range gone.owners {
		g.tighten(owner.UID)
	}
	return unique(look)
}

// tighten gives the dependents of an owner a smaller map each time that half of them
// have gone: to look for one in a map takes as long as it once was large, and an owner
// that waits for all of them is looked at after each.
func (g *graph) tighten(owner types.UID) {
	loose := g.dependents[owner]
	if n := len(loose); n < 64 || n&(n-1) != 0 {
		return
	}
	tight := make(map[types.UID]bool, len(loose))
	for uid := range loose {
		tight[uid] = true
	}
	g.dependents[owner] = tight
}

// lose lets go of what is known of removed owners that the object has named, unless
// somebody still does.
func (g *graph) lose(obj *object) {
	for _, owner := range obj.owners {
		if len(g.dependents[owner.UID]) == 0 {
			delete(g.deleted, owner.UID)
		}
	}
}

// unlink takes the object out of the dependents of its owners.
func (g *graph) unlink(obj *object) {
	for _, owner := range obj.owners {
		delete(g.dependents[owner.UID], obj.uid)
		if len(g.dependents[owner.UID]) == 0 {
			delete(g.dependents, owner.UID)
		}
	}
}

// dependentsOf returns the objects that name the uid as their owner, in a fixed order.
func (g *graph) dependentsOf(uid types.UID) []types.UID {
	uids := make([]types.UID, 0, len(g.dependents[uid]))
	for dependent := range g.dependents[uid] {
		uids = append(uids, dependent)
	}
	slices.Sort(uids)
	return uids
}

// doubtful reports whether the object names an owner that is not known to be
// there, and there to stay.
func (g *graph) doubtful(obj *object) bool {
	for _, ref := range obj.owners {
		owner := g.objects[ref.UID]
		if owner == nil || owner.foreground || !refersTo(ref, obj.namespace, owner) {
			return true
		}
	}
	return false
}

// matches reports whether all of the dependent's references with the owner's uid
// also have its kind, name and namespace.
func (g *graph) matches(dependent, owner *object) bool {
	return !slices.ContainsFunc(dependent.owners, func(ref metav1.OwnerReference) bool {
		return ref.UID == owner.uid && !refersTo(ref, dependent.namespace, owner)
	})
}

// waits reports whether the object waits for its dependents' deletion.
func (g *graph) waits(uid types.UID) bool {
	obj := g.objects[uid]
	return obj != nil && obj.foreground
}

// blocked reports whether the object's foreground deletion waits for a dependent.
func (g *graph) blocked(uid types.UID) bool {
	owner := g.objects[uid]
	if owner == nil {
		return false
	}
	for dependent := range g.dependents[uid] {
		if slices.Contains(g.blocks(g.objects[dependent]), owner) {
			return true
		}
	}
	return false
}

// blocks returns the owners whose foreground deletion waits for the object.
func (g *graph) blocks(obj *object) []*object {
	var owners []*object
	for _, ref := range obj.owners {
		owner := g.objects[ref.UID]
		if owner != nil && blocks(ref) && refersTo(ref, obj.namespace, owner) {
			owners = append(owners, owner)
		}
	}
	return owners
}

// circle returns those owners of the object that wait for it and, in the end, are
// waited for by it, so that none would ever go.
func (g *graph) circle(uid types.UID) []types.UID {
	obj := g.objects[uid]
	if obj == nil || !obj.foreground {
		return nil
	}
	var circle []types.UID
	for _, owner := range g.blocks(obj) {
		if g.leadsTo(owner, obj, map[*object]bool{}) {
			circle = append(circle, owner.uid)
		}
	}
	return circle
}

// leadsTo reports whether one gets from the object to the other by going on from
// one that waits to those that wait for it.
func (g *graph) leadsTo(from, to *object, been map[*object]bool) bool {
	if been[from] || !from.foreground {
		return false
	}
	been[from] = true
	return from == to || slices.ContainsFunc(g.blocks(from), func(owner *object) bool { return g.leadsTo(owner, to, been) })
}

// refersTo reports whether a reference found in the namespace names the owner,
// which has its uid, by its right kind, name and place. The version does not
// matter: an object can be read in any.
func refersTo(ref metav1.OwnerReference, namespace string, owner *object) bool {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	return err == nil && gv.Group == owner.kind.Group && ref.Kind == owner.kind.Kind && ref.Name == owner.name &&
		(owner.namespace == "" || owner.namespace == namespace)
}

func blocks(ref metav1.OwnerReference) bool {
	return ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion
}

func unique(uids []types.UID) []types.UID {
	slices.Sort(uids)
	return slices.Compact(uids)
}
