package rules

import (
	"maps"
	"net/netip"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// Ruleset is all that is ours in the kernel. Rules are written as iptables-save prints them,
// without the leading "-A CHAIN".
type Ruleset struct {
	Chains map[Chain][]string
	// Jumps lead from the built-in chains into ours.
	Jumps []Jump
}

// Jump is a single rule, mostly one in a built-in chain that leads to one of ours.
type Jump struct {
	// Chain is where the rule is, To where it leads.
	Chain, To Chain
	// Args are what follows iptables -A CHAIN.
	Args []string
}

// Config is what the rules depend on besides Services.
type Config struct {
	// ClusterCIDR is the range of the pods of the cluster. Traffic to a cluster IP from
	// elsewhere is masqueraded, so that the answer comes back this way. Not valid: unknown.
	ClusterCIDR netip.Prefix
	// RandomFully has masquerading choose source ports at random (iptables ≥ 1.6.2).
	RandomFully bool
	// Localhost says that node ports answer on 127.0.0.1 too, which needs the sysctl
	// route_localnet; a rule then keeps others from reaching what listens on localhost only.
	Localhost bool
}

// Build puts the ports of all Services together. The order of ports is the order of the rules.
func Build(c Config, ports ...plan.Port) *Ruleset {
	fragments := make([]*Fragment, len(ports))
	for i := range ports {
		fragments[i] = c.Service(ports[i])
	}
	return c.Assemble(fragments)
}

// Fragment is what one Service port adds to a Ruleset.
type Fragment struct {
	own     map[Chain][]string
	entries []entry
}

// entry is a rule in a chain shared by all.
type entry struct {
	chain Chain
	rule  string
}

func (f *Fragment) enter(c Chain, rule string) { f.entries = append(f.entries, entry{c, rule}) }

func (f *Fragment) add(c Chain, rules ...string) { f.own[c] = append(f.own[c], rules...) }

// Assemble joins fragments and the rules that are always there.
func (c Config) Assemble(fragments []*Fragment) *Ruleset {
	r := c.base()
	last := r.Chains[services]
	r.Chains[services] = nil
	for _, f := range fragments {
		maps.Copy(r.Chains, f.own)
		for _, e := range f.entries {
			r.Chains[e.chain] = append(r.Chains[e.chain], e.rule)
		}
	}
	r.Chains[services] = append(r.Chains[services], last...)
	return r
}

// Empty is the rule set of a node without a proxy.
func Empty() *Ruleset { return &Ruleset{Chains: map[Chain][]string{}} }
