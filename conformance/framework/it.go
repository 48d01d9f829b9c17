package framework

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/etalon-dev/etalon/spec"
)

// registered maps the id of each behaviour that has a spec to where the spec is.
var registered = map[string]types.CodeLocation{}

// wrong collects what is wrong with the specs as they are declared: ids unknown or given twice.
var wrong []error

// It declares the spec of the behaviour id. Title, labels and needs come from spec/. The
// body's context ends with the spec's time. Decorators are Ginkgo's, such as Serial.
func (f *Framework) It(id string, body func(ctx SpecContext), decorators ...any) {
	where := types.NewCodeLocation(1)
	b, found := lookup(id)
	if !found {
		wrong = append(wrong, fmt.Errorf("%s: no behaviour %q in spec/", where, id))
		return
	}
	if first, twice := registered[id]; twice && first != where {
		wrong = append(wrong, fmt.Errorf("%s: %q already has a spec at %s", where, id, first))
		return
	}
	registered[id] = where
	args := append([]any{Label(b.Area(), string(b.Level)), SpecTimeout(scaled(specTimeout)), where}, decorators...)
	It(id, append(args, func(ctx SpecContext) {
		f.start(ctx, b)
		body(ctx)
	})...)
}

func lookup(id string) (spec.Behaviour, bool) {
	set, err := spec.Load()
	if err != nil {
		wrong = append(wrong, err)
		return spec.Behaviour{}, false
	}
	return set.Lookup(id)
}

// Registered returns the ids of the behaviours that have a spec, sorted, and what is wrong
// with the declarations. It is complete once Ginkgo has built its tree.
func Registered() ([]string, error) {
	return slices.Sorted(maps.Keys(registered)), errors.Join(wrong...)
}
