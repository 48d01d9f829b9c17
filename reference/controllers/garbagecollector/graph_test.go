package garbagecollector

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var widget = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}

// thing is an object of kind Widget in the namespace "default".
func thing(uid types.UID, owners ...metav1.OwnerReference) *object {
	return &object{uid: uid, kind: widget, namespace: "default", name: "n-" + string(uid), owners: owners}
}

func ownedBy(uid types.UID, block bool) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "Widget", Name: "n-" + string(uid), UID: uid, BlockOwnerDeletion: ptr.To(block)}
}

func (o *object) with(change func(*object)) *object {
	changed := *o
	change(&changed)
	return &changed
}

func inForeground(o *object) { o.deleting, o.foreground = true, true }

func TestGraphSaysWhomToLookAt(t *testing.T) {
	owner, child := thing("owner"), thing("child", ownedBy("owner", true))
	for name, test := range map[string]struct {
		before []*object
		now    *object // observed, or forgotten if gone is set
		gone   types.UID
		want   []types.UID
	}{
		"an object without owners":             {now: owner},
		"its owner is known":                   {before: []*object{owner}, now: child},
		"its owner is not known":               {now: child, want: []types.UID{"child"}},
		"its owner comes later":                {before: []*object{child}, now: owner},
		"its owner is elsewhere":               {before: []*object{owner.with(func(o *object) { o.namespace = "elsewhere" })}, now: child, want: []types.UID{"child"}},
		"an owner comes that is elsewhere":     {before: []*object{child}, now: owner.with(func(o *object) { o.namespace = "elsewhere" }), want: []types.UID{"child"}},
		"its owner is cluster-scoped":          {before: []*object{owner.with(func(o *object) { o.namespace = "" })}, now: child},
		"its owner has another name":           {before: []*object{owner.with(func(o *object) { o.name = "x" })}, now: child, want: []types.UID{"child"}},
		"its owner goes":                       {before: []*object{owner, child}, gone: "owner", want: []types.UID{"child"}},
		"its owner goes in the foreground":     {before: []*object{owner, child}, now: owner.with(inForeground), want: []types.UID{"child", "owner"}},
		"its owner is to orphan it":            {before: []*object{owner, child}, now: owner.with(func(o *object) { o.deleting, o.orphan = true, true }), want: []types.UID{"owner"}},
		"it goes":                              {before: []*object{owner, child}, gone: "child"},
		"it goes, as its owner has waited for": {before: []*object{owner.with(inForeground), child}, gone: "child", want: []types.UID{"owner"}},
		"it lets go of an owner that waits":    {before: []*object{owner.with(inForeground), child}, now: thing("child"), want: []types.UID{"owner"}},
		"it no longer blocks its owner":        {before: []*object{owner.with(inForeground), child}, now: thing("child", ownedBy("owner", false)), want: []types.UID{"child", "owner"}},
		"it comes while its owner waits":       {before: []*object{owner.with(inForeground)}, now: child, want: []types.UID{"child"}},
		"it changes while it waits":            {before: []*object{owner.with(inForeground)}, now: owner.with(inForeground).with(func(o *object) { o.owners = []metav1.OwnerReference{ownedBy("owner", true)} }), want: []types.UID{"owner"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGraph()
			for _, obj := range test.before {
				g.observe(obj)
			}
			var got []types.UID
			if test.gone != "" {
				got = g.forget(test.gone)
			} else {
				got = g.observe(test.now)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("look at %v, want %v", got, test.want)
			}
		})
	}
}

// Only who waits for itself in the end steps out of the circle.
func TestCircle(t *testing.T) {
	waiting := func(uid types.UID, owners ...metav1.OwnerReference) *object {
		return thing(uid, owners...).with(inForeground)
	}
	for name, test := range map[string]struct {
		objects []*object
		want    []types.UID // the owners of "a" that wait for it in a circle
	}{
		"two that wait":              {objects: []*object{waiting("a", ownedBy("b", true)), waiting("b", ownedBy("a", true))}, want: []types.UID{"b"}},
		"three that wait":            {objects: []*object{waiting("a", ownedBy("c", true)), waiting("b", ownedBy("a", true)), waiting("c", ownedBy("b", true))}, want: []types.UID{"c"}},
		"one that waits for itself":  {objects: []*object{waiting("a", ownedBy("a", true))}, want: []types.UID{"a"}},
		"one of two references":      {objects: []*object{waiting("a", ownedBy("b", true), ownedBy("x", true)), waiting("b", ownedBy("a", true)), waiting("x")}, want: []types.UID{"b"}},
		"a chain":                    {objects: []*object{waiting("a", ownedBy("b", true)), waiting("b"), waiting("c", ownedBy("a", true))}},
		"one does not block":         {objects: []*object{waiting("a", ownedBy("b", true)), waiting("b", ownedBy("a", false))}},
		"one does not wait":          {objects: []*object{waiting("a", ownedBy("b", true)), thing("b", ownedBy("a", true))}},
		"a circle it is not part of": {objects: []*object{waiting("a", ownedBy("b", true)), waiting("b", ownedBy("c", true)), waiting("c", ownedBy("b", true))}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGraph()
			for _, obj := range test.objects {
				g.observe(obj)
			}
			if got := g.circle("a"); !slices.Equal(got, test.want) {
				t.Errorf("circle %v, want %v", got, test.want)
			}
		})
	}
}

// However objects come, change and go, the graph's dependents are those that a
// look through all objects finds, and nothing of what is gone is kept.
func TestGraphAgreesWithItsObjects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGraph()
		known := map[types.UID]*object{}
		removed := map[types.UID]bool{}
		uid := func(t *rapid.T, name string) types.UID {
			return types.UID(fmt.Sprint(rapid.IntRange(0, 6).Draw(t, name)))
		}
		t.Repeat(map[string]func(*rapid.T){
			"observe": func(t *rapid.T) {
				obj := thing(uid(t, "uid"))
				for range rapid.IntRange(0, 3).Draw(t, "owners") {
					obj.owners = append(obj.owners, ownedBy(uid(t, "owner"), rapid.Bool().Draw(t, "blocks")))
				}
				if rapid.Bool().Draw(t, "foreground") {
					inForeground(obj)
				}
				known[obj.uid] = obj
				delete(removed, obj.uid)
				g.observe(obj)
			},
			"forget": func(t *rapid.T) {
				gone := uid(t, "uid")
				delete(known, gone)
				g.forget(gone)
			},
			"remove": func(t *rapid.T) {
				gone := uid(t, "uid")
				if known[gone] != nil {
					removed[gone] = true
				}
				delete(known, gone)
				g.remove(gone)
			},
			"": func(t *rapid.T) {
				want := map[types.UID][]types.UID{}
				for _, obj := range known {
					for _, ref := range obj.owners {
						want[ref.UID] = append(want[ref.UID], obj.uid)
					}
				}
				for owner := range want {
					if got := g.dependentsOf(owner); !slices.Equal(got, unique(want[owner])) {
						t.Fatalf("dependents of %s are %v, want %v", owner, got, unique(want[owner]))
					}
				}
				for gone := range removed {
					if len(want[gone]) == 0 {
						delete(removed, gone) // nobody is interested any more
					}
				}
				if len(g.deleted) != len(removed) || slices.ContainsFunc(slices.Collect(maps.Keys(g.deleted)), func(uid types.UID) bool { return !removed[uid] }) {
					t.Fatalf("%v are known to be gone, want %v", g.deleted, removed)
				}
				if len(g.dependents) != len(want) || len(g.objects) != len(known) {
					t.Fatalf("the graph has %d owners and %d objects, want %d and %d", len(g.dependents), len(g.objects), len(want), len(known))
				}
			},
		})
	})
}

// Suppose each object is looked at when the graph says so, and then what the
// rules demand is done. Then, once an owner goes, all that hangs on it alone
// goes too, whatever order the news comes in.
func TestEveryOrphanIsLookedAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 8).Draw(t, "objects")
		g := newGraph()
		live := map[types.UID]*object{}
		var order []types.UID
		for i := range count {
			obj := thing(types.UID(fmt.Sprint(i)))
			for range rapid.IntRange(0, min(i, 2)).Draw(t, "owners") {
				obj.owners = append(obj.owners, ownedBy(types.UID(fmt.Sprint(rapid.IntRange(0, i-1).Draw(t, "owner"))), false))
			}
			live[obj.uid] = obj
			order = append(order, obj.uid)
		}
		var queue []types.UID
		for _, uid := range rapid.Permutation(order).Draw(t, "news") {
			queue = append(queue, g.observe(live[uid])...)
		}
		root := rapid.SampledFrom(order).Draw(t, "deleted")
		delete(live, root)
		queue = append(queue, g.forget(root)...)
		for len(queue) > 0 {
			obj := live[queue[0]]
			queue = queue[1:]
			if obj == nil || len(obj.owners) == 0 || slices.ContainsFunc(obj.owners, func(ref metav1.OwnerReference) bool { return live[ref.UID] != nil }) {
				continue
			}
			delete(live, obj.uid)
			queue = append(queue, g.forget(obj.uid)...)
		}
		for uid, obj := range live {
			if len(obj.owners) > 0 && !slices.ContainsFunc(obj.owners, func(ref metav1.OwnerReference) bool { return live[ref.UID] != nil }) {
				t.Fatalf("object %s is left although none of its owners is", uid)
			}
		}
	})
}
