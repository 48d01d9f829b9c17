package placement

import (
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// tally counts the pods of a namespace by their labels and nodes. Pods of one template have the same labels, so that
// there are far fewer kinds of them than pods.
type tally struct {
	kinds map[string]*kind             // by all labels
	with  map[label]map[*kind]struct{} // by each of them
}

type label struct{ key, value string }

// kind is the pods that have the same labels.
type kind struct {
	labels labels.Set
	nodes  map[*Node]int
}

func newTally() *tally {
	return &tally{kinds: map[string]*kind{}, with: map[label]map[*kind]struct{}{}}
}

func (t *tally) empty() bool { return len(t.kinds) == 0 }

// add counts one pod more on a node, or by -1 one less.
func (t *tally) add(set labels.Set, n *Node, by int) {
	key := set.String()
	k := t.kinds[key]
	if k == nil {
		k = &kind{labels: set, nodes: map[*Node]int{}}
		t.kinds[key] = k
		for name, value := range set {
			l := label{name, value}
			if t.with[l] == nil {
				t.with[l] = map[*kind]struct{}{}
			}
			t.with[l][k] = struct{}{}
		}
	}
	if k.nodes[n] += by; k.nodes[n] == 0 {
		delete(k.nodes, n)
	}
	if len(k.nodes) > 0 {
		return
	}
	delete(t.kinds, key)
	for name, value := range k.labels {
		l := label{name, value}
		if delete(t.with[l], k); len(t.with[l]) == 0 {
			delete(t.with, l)
		}
	}
}

// count is the number of pods that selector describes on each node that has any. It is not to be changed.
func (t *tally) count(selector labels.Selector) map[*Node]int {
	var found []*kind
	t.candidates(selector, func(k *kind) {
		if selector.Matches(k.labels) {
			found = append(found, k)
		}
	})
	if len(found) == 1 {
		return found[0].nodes
	}
	counts := map[*Node]int{}
	for _, k := range found {
		for n, pods := range k.nodes {
			counts[n] += pods
		}
	}
	return counts
}

// candidates visits the kinds that a selector can describe: those with the rarest label that it asks for.
func (t *tally) candidates(selector labels.Selector, visit func(*kind)) {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return
	}
	var rarest map[*kind]struct{}
	limited := false
	for _, r := range requirements {
		value, ok := onlyValue(r)
		if !ok {
			continue
		}
		if with := t.with[label{r.Key(), value}]; !limited || len(with) < len(rarest) {
			rarest, limited = with, true
		}
	}
	if limited {
		for k := range rarest {
			visit(k)
		}
		return
	}
	for _, k := range t.kinds {
		visit(k)
	}
}

// onlyValue is the one value that a requirement allows its label to have, if it is one.
func onlyValue(r labels.Requirement) (string, bool) {
	switch r.Operator() {
	case selection.Equals, selection.DoubleEquals, selection.In:
		if values := r.ValuesUnsorted(); len(values) == 1 {
			return values[0], true
		}
	}
	return "", false
}
