package rules

import (
	"fmt"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// external renders what a port answers on besides its cluster IP. usable says that traffic from
// outside has an endpoint to go to.
func (c Config) external(f *Fragment, p *plan.Port, to Chain, usable bool) {
	name := p.Name.String()
	entry := portChain(prefixExternal, p)
	if len(p.Cluster) > 0 {
		c.entry(f, p, entry, to, usable)
		for _, ip := range p.ExternalIPs {
			f.enter(services, matchPort(p, ip)(name+" external IP")+" -j "+entry.Name)
		}
		for _, ip := range p.LoadBalancerIPs {
			through := entry
			if len(p.SourceRanges) > 0 {
				through = c.firewalled(f, p, entry)
				f.enter(firewall, matchPort(p, ip)(name+" traffic not accepted by "+through.Name)+" -j DROP")
			}
			f.enter(services, matchPort(p, ip)(name+" loadbalancer IP")+" -j "+through.Name)
		}
		if p.NodePort != 0 {
			f.enter(nodePorts, matchDport(p, p.NodePort)(name)+" -j "+entry.Name)
		}
	}
	if usable {
		return
	}
	for _, ip := range p.ExternalIPs {
		f.enter(refusedExternal, refuse(p, matchPort(p, ip)))
	}
	for _, ip := range p.LoadBalancerIPs {
		f.enter(refusedExternal, refuse(p, matchPort(p, ip)))
	}
	if p.NodePort != 0 {
		f.enter(refusedExternal, refuse(p, func(text string) string {
			proto := lower(p.Protocol)
			return fmt.Sprintf("-p %s %s -m addrtype --dst-type LOCAL -m %s --dport %d", proto, comment(text), proto, p.NodePort)
		}))
	}
}

// entry is the chain that all traffic from outside goes through. With policy Cluster it is
// masqueraded, for the endpoint may be on another node; with Local the client's address is kept,
// and clients inside the cluster are served as if they had used the cluster IP.
func (c Config) entry(f *Fragment, p *plan.Port, entry, to Chain, usable bool) {
	name := p.Name.String()
	if !p.ExternalLocal {
		f.add(entry,
			comment("masquerade traffic for "+name+" external destinations")+" -j "+markMasq.Name,
			"-j "+to.Name)
		return
	}
	anywhere := portChain(prefixService, p).Name
	if c.ClusterCIDR.IsValid() {
		f.add(entry, "-s "+c.ClusterCIDR.String()+" "+comment("pod traffic for "+name+" external destinations")+" -j "+anywhere)
	}
	f.add(entry,
		comment("masquerade LOCAL traffic for "+name+" external destinations")+" -m addrtype --src-type LOCAL -j "+markMasq.Name,
		comment("route LOCAL traffic for "+name+" external destinations")+" -m addrtype --src-type LOCAL -j "+anywhere)
	if usable {
		f.add(entry, "-j "+to.Name)
	}
}

// firewalled is the entry for a load balancer address that answers some clients only; the rest
// falls through and is dropped in the filter table.
func (Config) firewalled(f *Fragment, p *plan.Port, entry Chain) Chain {
	chain := portChain(prefixFirewall, p)
	if f.own[chain] != nil {
		return chain
	}
	text := comment(p.Name.String() + " loadbalancer IP")
	for _, r := range p.SourceRanges {
		source := "-s " + r.String() + " "
		if r.Bits() == 0 {
			source = ""
		}
		f.add(chain, source+text+" -j "+entry.Name)
	}
	return chain
}
