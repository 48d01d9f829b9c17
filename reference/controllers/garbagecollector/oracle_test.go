package garbagecollector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// One object after the other is deleted, in any of the three ways, and each time the collector comes to rest, in
// whatever weather. Exactly those are left then, and name exactly those owners, that the oracle says.
func TestWhoIsLeft(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		graph := &model{served: sim.NewServed(documents...), since: map[string]time.Time{}, uids: map[place]types.UID{}}
		o := &oracle{model: graph}
		return sim.Scenario{
			Controllers: map[string]sim.New{Name: collector(graph.served)},
			Nodes:       -1,
			Actions:     map[string]sim.Action{"build": o.build, "delete": o.delete, "delete another": o.delete},
			Settled:     o.settled,
			Longest:     16,
		}
	})
}

// oracle knows what becomes of objects.
type oracle struct {
	*model
	wrong error
}

// known is what the oracle needs to know of an object.
type known struct {
	at     place
	owners []metav1.OwnerReference
}

type population map[types.UID]known

func look(w *sim.World) population {
	all := population{}
	for _, at := range places {
		if obj := find(w, at); obj != nil {
			all[obj.GetUID()] = known{at, obj.GetOwnerReferences()}
		}
	}
	return all
}

// owner says whether the reference, in an object at the place, is to one that is there; who can be judged at all only if
// it is not cluster-scoped, or its owner is.
func (p population) owner(at place, ref metav1.OwnerReference) (there, judgeable bool) {
	if at.namespace == "" && ref.Kind != "PersistentVolume" {
		return false, false
	}
	found, ok := p[ref.UID]
	return ok && found.at.kind == ref.Kind && found.at.name == ref.Name && (found.at.namespace == "" || found.at.namespace == at.namespace), true
}

// collect takes away whoever has lost all owners, and references to those that are not there, until there is no more
// to do.
func (p population) collect() {
	for again := true; again; {
		again = false
		for uid, obj := range p {
			kept := slices.DeleteFunc(slices.Clone(obj.owners), func(ref metav1.OwnerReference) bool {
				there, judgeable := p.owner(obj.at, ref)
				return judgeable && !there
			})
			switch {
			case len(kept) == len(obj.owners):
				continue
			case len(kept) == 0:
				delete(p, uid)
			default:
				p[uid] = known{obj.at, kept}
			}
			again = true
		}
	}
}

// remove deletes an object. Whether its dependents go before it or after makes no difference to who is left, but that
// they may be let go of does.
func (p population) remove(uid types.UID, policy metav1.DeletionPropagation) {
	delete(p, uid)
	for other, obj := range p {
		if policy == metav1.DeletePropagationOrphan {
			p[other] = known{obj.at, slices.DeleteFunc(slices.Clone(obj.owners), func(ref metav1.OwnerReference) bool { return ref.UID == uid })}
		}
	}
	p.collect()
}

func (p population) String() string {
	var lines []string
	for uid, obj := range p {
		var owners []string
		for _, ref := range obj.owners {
			owners = append(owners, string(ref.UID))
		}
		lines = append(lines, fmt.Sprintf("%s %s ← %v", obj.at.name, uid, owners))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// rest is longer than the collector takes in any weather.
func (o *oracle) rest(w *sim.World, want population) {
	w.Sleep(30 * time.Minute)
	if got := look(w).String(); got != want.String() && o.wrong == nil {
		o.wrong = fmt.Errorf("there is\n%s\nwant\n%s", got, want)
	}
}

// build makes objects wherever there is none, and gives each owners.
func (o *oracle) build(t *rapid.T) sim.Act {
	owners := rapid.Custom(func(t *rapid.T) map[place][]owner {
		drawn := map[place][]owner{}
		for _, at := range places {
			drawn[at] = drawOwners(t)
		}
		return drawn
	}).Draw(t, "owners")
	return func(w *sim.World) {
		if o.wrong != nil {
			return
		}
		w.Crash(Name) // it sees all of them at once, in some order
		for _, at := range places {
			if find(w, at) == nil {
				obj := empty(at.kind)
				obj.SetNamespace(at.namespace)
				obj.SetName(at.name)
				w.Create(obj)
			}
		}
		for _, at := range places {
			refs := o.refs(w, owners[at])
			change(w, at, func(obj sim.Object) { obj.SetOwnerReferences(refs) })
		}
		want := look(w)
		want.collect()
		o.rest(w, want)
	}
}

func (o *oracle) delete(t *rapid.T) sim.Act {
	at := rapid.SampledFrom(places).Draw(t, "at")
	policy := rapid.SampledFrom([]metav1.DeletionPropagation{
		metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
	}).Draw(t, "policy")
	return func(w *sim.World) {
		obj := find(w, at)
		if obj == nil || o.wrong != nil {
			return
		}
		o.uids[at] = obj.GetUID()
		want := look(w)
		want.remove(obj.GetUID(), policy)
		_ = client(w, at).Delete(context.Background(), at.name, metav1.DeleteOptions{PropagationPolicy: &policy})
		o.rest(w, want)
	}
}

func (o *oracle) settled(*sim.World) error { return o.wrong }
