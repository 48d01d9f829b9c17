package conformance

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/onsi/ginkgo/v2"

	"github.com/etalon-dev/etalon/conformance/framework"
	"github.com/etalon-dev/etalon/spec"
)

// declared returns the ids of all behaviours that have a spec, sorted. It errs when a spec
// names a behaviour that is not in spec/, or one that has a spec already.
var declared = sync.OnceValues(func() ([]string, error) {
	if _, err := spec.Load(); err != nil {
		return nil, err
	}
	suite, reporter := ginkgo.GinkgoConfiguration()
	ginkgo.PreviewSpecs("conformance", suite, reporter)
	return framework.Registered()
})

// pick returns those of ids that focus names (all, without one) and skip does not. A pattern
// that picks nothing is an error that tells what may have been meant.
func pick(ids, focus, skip []string) ([]string, error) {
	for _, pattern := range slices.Concat(focus, skip) {
		if !slices.ContainsFunc(ids, func(id string) bool { return matches(pattern, id) }) {
			return nil, nothing(pattern, ids)
		}
	}
	var picked []string
	for _, id := range ids {
		if (len(focus) == 0 || matchesAny(focus, id)) && !matchesAny(skip, id) {
			picked = append(picked, id)
		}
	}
	if len(picked) == 0 {
		return nil, fmt.Errorf("no behaviour is left: --skip %s leaves out all that --focus %s picks",
			strings.Join(skip, ","), strings.Join(focus, ","))
	}
	return picked, nil
}

func matchesAny(patterns []string, id string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, id) })
}

// matches says that pattern is the id, its area, or a shell pattern for it.
func matches(pattern, id string) bool {
	area, _, _ := strings.Cut(id, "/")
	fits, err := path.Match(pattern, id)
	return pattern == id || pattern == area || (err == nil && fits)
}

func nothing(pattern string, ids []string) error {
	var candidates []string
	for _, id := range ids {
		area, _, _ := strings.Cut(id, "/")
		if !slices.Contains(candidates, area) {
			candidates = append(candidates, area)
		}
	}
	near := spec.Near(pattern, append(candidates, ids...), 5)
	if len(near) == 0 {
		return fmt.Errorf("no behaviour matches %q; the areas are %s", pattern, strings.Join(candidates, ", "))
	}
	return fmt.Errorf("no behaviour matches %q; did you mean %s?", pattern, strings.Join(near, ", "))
}
