package rules

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// Service renders one port of a Service.
func (c Config) Service(p plan.Port) *Fragment {
	f := &Fragment{own: map[Chain][]string{}}
	name := p.Name.String()
	internal, external := p.Cluster, p.Cluster
	internalTo, externalTo := portChain(prefixService, &p), portChain(prefixService, &p)
	if p.InternalLocal {
		internal, internalTo = p.Local, portChain(prefixLocal, &p)
	}
	if p.ExternalLocal {
		external, externalTo = p.Local, portChain(prefixLocal, &p)
	}

	match := matchPort(&p, p.ClusterIP)
	if len(internal) > 0 {
		f.enter(services, match(name+" cluster IP")+" -j "+internalTo.Name)
		if c.ClusterCIDR.IsValid() {
			f.add(internalTo, "! -s "+c.ClusterCIDR.String()+" "+match(name+" cluster IP")+" -j "+markMasq.Name)
		}
	} else {
		f.enter(refused, refuse(&p, match))
	}
	if p.External() {
		c.external(f, &p, externalTo, len(external) > 0)
	}

	// Clients on a node reach any endpoint through an external address even where traffic from
	// outside stays local: they need no source address kept.
	usesCluster := !p.InternalLocal || p.External()
	usesLocal := p.InternalLocal || p.ExternalLocal && p.External()
	if usesCluster {
		f.balance(portChain(prefixService, &p), &p, p.Cluster)
	}
	if usesLocal {
		f.balance(portChain(prefixLocal, &p), &p, p.Local)
	}
	f.endpoints(&p, usesCluster, usesLocal)
	return f
}

// balance spreads connections over endpoints, each equally likely; clients with a session stay.
func (f *Fragment) balance(chain Chain, p *plan.Port, over []plan.Endpoint) {
	for _, e := range over {
		if p.AffinitySeconds == 0 {
			break
		}
		to := endpointChain(p, e).Name
		f.add(chain, comment(toEndpoint(p, e))+fmt.Sprintf(
			" -m recent --rcheck --seconds %d --reap --name %s --mask 255.255.255.255 --rsource -j %s", p.AffinitySeconds, to, to))
	}
	for i, e := range over {
		rule := comment(toEndpoint(p, e))
		if rest := len(over) - i; rest > 1 {
			rule += " -m statistic --mode random --probability " + probability(rest)
		}
		f.add(chain, rule+" -j "+endpointChain(p, e).Name)
	}
}

// endpoints has one chain for each endpoint that is used: where the address is rewritten.
func (f *Fragment) endpoints(p *plan.Port, cluster, local bool) {
	name, proto := p.Name.String(), lower(p.Protocol)
	add := func(e plan.Endpoint) {
		chain := endpointChain(p, e)
		if f.own[chain] != nil {
			return
		}
		session := ""
		if p.AffinitySeconds > 0 {
			session = " -m recent --set --name " + chain.Name + " --mask 255.255.255.255 --rsource"
		}
		f.add(chain,
			// An endpoint that reaches itself through its Service must see another source, or its
			// answer would not come back through us.
			"-s "+e.Addr.Addr().String()+"/32 "+comment(name)+" -j "+markMasq.Name,
			"-p "+proto+" "+comment(name)+session+" -m "+proto+" -j DNAT --to-destination "+e.Addr.String())
	}
	if cluster {
		for _, e := range p.Cluster {
			add(e)
		}
	}
	if local {
		for _, e := range p.Local {
			add(e)
		}
	}
}

// refuse is the rule for a port that has nobody to go to: a client learns at once that the
// Service has no endpoints at all, while a port with endpoints on other nodes only drops.
func refuse(p *plan.Port, match func(string) string) string {
	if len(p.Cluster) == 0 {
		return match(p.Name.String()+" has no endpoints") + " -j REJECT --reject-with icmp-port-unreachable"
	}
	return match(p.Name.String()+" has no local endpoints") + " -j DROP"
}

// matchPort matches traffic to the Service's port on an address; the comment comes in between
// because that is how iptables-save prints it.
func matchPort(p *plan.Port, ip netip.Addr) func(text string) string {
	return func(text string) string { return "-d " + ip.String() + "/32 " + matchDport(p, p.Port)(text) }
}

func matchDport(p *plan.Port, port uint16) func(text string) string {
	proto := lower(p.Protocol)
	return func(text string) string {
		return fmt.Sprintf("-p %s %s -m %s --dport %d", proto, comment(text), proto, port)
	}
}

func toEndpoint(p *plan.Port, e plan.Endpoint) string {
	return p.Name.String() + " -> " + e.Addr.String()
}

// comment quotes a comment. Names come from the API and are validated there; what could end the
// quotation or the line is dropped all the same, so that no name can become a rule.
func comment(text string) string {
	return `-m comment --comment "` + strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, text) + `"`
}

// probability is 1/n as the kernel holds it, in 31 bits, and as iptables-save prints it.
func probability(n int) string {
	return fmt.Sprintf("%.11f", math.Round((1<<31)/float64(n))/(1<<31))
}
