package rules

// masqueradeMark marks packets that must leave with the node's own address as their source.
const masqueradeMark = "0x4000/0x4000"

// base is what is there without any Service.
func (c Config) base() *Ruleset {
	masquerade := "-j MASQUERADE"
	if c.RandomFully {
		masquerade += " --random-fully"
	}
	r := &Ruleset{
		Jumps: jumps(),
		Chains: map[Chain][]string{
			services: {
				comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain") + " -m addrtype --dst-type LOCAL -j " + nodePorts.Name,
			},
			nodePorts: nil,
			markMasq:  {"-j MARK --set-xmark " + masqueradeMark},
			// The mark is taken off again so that it is not seen by what comes after us, or by
			// another node when the packet travels in a tunnel of this one.
			postrouting: {
				"-m mark ! --mark " + masqueradeMark + " -j RETURN",
				"-j MARK --set-xmark 0x4000/0x0",
				comment("kubernetes service traffic requiring SNAT") + " " + masquerade,
			},
			refused:         nil,
			refusedExternal: nil,
			firewall:        nil,
			// A packet that conntrack cannot place would leave with the pod's address and make
			// the client reset a connection that is fine.
			forward: {
				"-m conntrack --ctstate INVALID -j DROP",
				comment("kubernetes forwarding rules") + " -m mark --mark " + masqueradeMark + " -j ACCEPT",
				comment("kubernetes forwarding conntrack rule") + " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
			},
		},
	}
	if c.Localhost {
		r.Chains[localnet] = []string{
			"! -s 127.0.0.0/8 -d 127.0.0.0/8 " + comment("block incoming localnet connections") + " -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
		}
		for _, hook := range []string{"INPUT", "OUTPUT"} {
			r.Jumps = append(r.Jumps, Jump{Chain: Chain{Filter, hook}, To: localnet, Args: []string{"-j", localnet.Name}})
		}
	}
	return r
}

// jumps are the ways into our chains. Only the first packet of a connection needs to be looked
// at in the filter table.
func jumps() []Jump {
	commented := func(hook string, to Chain, text string, match ...string) Jump {
		args := append(match, "-m", "comment", "--comment", text, "-j", to.Name)
		return Jump{Chain: Chain{to.Table, hook}, To: to, Args: args}
	}
	fresh := func() []string { return []string{"-m", "conntrack", "--ctstate", "NEW"} }
	return []Jump{
		commented("PREROUTING", services, "kubernetes service portals"),
		commented("OUTPUT", services, "kubernetes service portals"),
		commented("POSTROUTING", postrouting, "kubernetes postrouting rules"),
		commented("INPUT", refusedExternal, "kubernetes externally-visible service portals", fresh()...),
		commented("FORWARD", refusedExternal, "kubernetes externally-visible service portals", fresh()...),
		commented("FORWARD", refused, "kubernetes service portals", fresh()...),
		commented("OUTPUT", refused, "kubernetes service portals", fresh()...),
		commented("FORWARD", forward, "kubernetes forwarding rules"),
		commented("INPUT", firewall, "kubernetes load balancer firewall", fresh()...),
		commented("OUTPUT", firewall, "kubernetes load balancer firewall", fresh()...),
		commented("FORWARD", firewall, "kubernetes load balancer firewall", fresh()...),
	}
}

// Witnesses are rules that are always there, two of each table: one in a built-in chain and one
// in a chain of ours. Where they are missing, someone has flushed the table.
func Witnesses() []Jump {
	all := jumps()
	return []Jump{
		all[0],
		{Chain: markMasq, Args: []string{"-j", "MARK", "--set-xmark", masqueradeMark}},
		all[len(all)-1],
		{Chain: forward, Args: []string{"-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"}},
	}
}
