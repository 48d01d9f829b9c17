package proxy

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
	"github.com/etalon-dev/etalon/reference/proxy/rules"
)

// state is what is planned for every Service, so that a change of one costs planning one.
type state struct {
	config    rules.Config
	byService map[types.NamespacedName]planned
}

type planned struct {
	ports     []plan.Port
	fragments []*rules.Fragment
}

// set replaces the plan of a Service (no ports: the Service is gone) and returns the one before.
func (s *state) set(name types.NamespacedName, ports []plan.Port) (before []plan.Port) {
	before = s.byService[name].ports
	if len(ports) == 0 {
		delete(s.byService, name)
		return before
	}
	p := planned{ports: ports}
	for _, port := range ports {
		p.fragments = append(p.fragments, s.config.Service(port))
	}
	s.byService[name] = p
	return before
}

// ruleset is what the kernel should have.
func (s *state) ruleset() *rules.Ruleset {
	names := make([]types.NamespacedName, 0, len(s.byService))
	for name := range s.byService {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b types.NamespacedName) int {
		return strings.Compare(a.String(), b.String())
	})
	var fragments []*rules.Fragment
	for _, name := range names {
		fragments = append(fragments, s.byService[name].fragments...)
	}
	return s.config.Assemble(fragments)
}
