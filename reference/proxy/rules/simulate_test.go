package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// packet is the first packet of a connection on its way through a node.
type packet struct {
	src, dst   netip.Addr
	proto      string
	dport      uint16
	in         string          // chain it enters by: PREROUTING (from elsewhere) or OUTPUT
	remembered map[string]bool // the lists of the module recent that know src
}

// outcome is what becomes of a packet.
type outcome struct {
	to     string // endpoint, original destination, or REJECT, DROP
	masked bool   // leaves with the node's address
}

// simulator walks packets through rules as the kernel would; of random choices it follows all.
type simulator struct {
	t     interface{ Fatalf(string, ...any) }
	rules *Ruleset
	local map[netip.Addr]bool // addresses of the node
}

type walk struct {
	packet
	mark bool
	dnat string
	end  string // REJECT or DROP
}

// outcomes is the probability of everything that may become of the packet.
func (s *simulator) outcomes(p packet) map[outcome]float64 {
	result := map[outcome]float64{}
	s.run(NAT, p.in, walk{packet: p}, 1, func(w walk, prob float64) {
		if w.dnat != "" {
			to := netip.MustParseAddrPort(w.dnat)
			w.dst, w.dport = to.Addr(), to.Port()
		}
		s.filter(s.hooks(w), w, prob, func(w walk, prob float64) {
			to := w.end
			if to == "" {
				to = netip.AddrPortFrom(w.dst, w.dport).String()
			}
			result[outcome{to: to, masked: w.mark && w.end == ""}] += prob
		})
	})
	return result
}

// hooks are those of the filter table that a packet passes.
func (s *simulator) hooks(w walk) []string {
	var hooks []string
	if w.in == "OUTPUT" {
		hooks = append(hooks, "OUTPUT")
	}
	if s.local[w.dst] {
		return append(hooks, "INPUT")
	}
	if w.in == "PREROUTING" {
		return append(hooks, "FORWARD")
	}
	return hooks
}

func (s *simulator) filter(hooks []string, w walk, prob float64, done func(walk, float64)) {
	if len(hooks) == 0 || w.end != "" {
		done(w, prob)
		return
	}
	s.run(Filter, hooks[0], w, prob, func(w walk, prob float64) { s.filter(hooks[1:], w, prob, done) })
}

// run follows the jumps of a built-in chain.
func (s *simulator) run(table, hook string, w walk, prob float64, done func(walk, float64)) {
	var entries []string
	for _, j := range s.rules.Jumps {
		if j.Chain == (Chain{table, hook}) {
			entries = append(entries, j.String())
		}
	}
	s.chain(table, entries, w, prob, done, done)
}

// chain runs the rules from the first on. final is called where the packet's fate is decided, fall
// where the chain ends without a decision.
func (s *simulator) chain(table string, list []string, w walk, prob float64, final, fall func(walk, float64)) {
	for i, rule := range list {
		match, odds := s.match(rule, w)
		if !match {
			continue
		}
		rest := list[i+1:]
		if odds < 1 {
			s.chain(table, rest, w, prob*(1-odds), final, fall)
			prob *= odds
		}
		to := target(rule)
		switch to {
		case "ACCEPT", "":
			final(w, prob)
			return
		case "REJECT", "DROP":
			w.end = to
			final(w, prob)
			return
		case "RETURN":
			fall(w, prob)
			return
		case "MARK":
			w.mark = true
			continue
		case "DNAT":
			w.dnat = after(rule, "--to-destination")
			final(w, prob)
			return
		}
		into, ok := s.rules.Chains[Chain{table, to}]
		if !ok {
			s.t.Fatalf("rule %q leads to chain %s, which is not there", rule, to)
		}
		s.chain(table, into, w, prob, final, func(w walk, prob float64) { s.chain(table, rest, w, prob, final, fall) })
		return
	}
	fall(w, prob)
}

// match tells whether a packet matches, and with what probability.
func (s *simulator) match(rule string, w walk) (bool, float64) {
	args, odds := words(rule), 1.0
	not := false
	for i := 0; i < len(args); i++ {
		next := func() string { i++; return args[i] }
		ok := true
		switch args[i] {
		case "!":
			not = true
			continue
		case "-s":
			ok = netip.MustParsePrefix(next()).Contains(w.src)
		case "-d":
			ok = netip.MustParsePrefix(next()).Contains(w.dst)
		case "-p":
			ok = next() == w.proto
		case "--dport":
			ok = next() == strconv.Itoa(int(w.dport))
		case "--dst-type":
			next()
			ok = s.local[w.dst]
		case "--src-type":
			next()
			ok = s.local[w.src]
		case "--ctstate":
			states := strings.Split(next(), ",")
			ok = slices.Contains(states, "NEW") || slices.Contains(states, "DNAT") && w.dnat != ""
		case "--mark":
			next()
			ok = w.mark
		case "--probability":
			p, err := strconv.ParseFloat(next(), 64)
			if err != nil {
				s.t.Fatalf("rule %q: %v", rule, err)
			}
			odds = p
		case "--rcheck":
			ok = w.remembered[after(rule, "--name")]
		case "-j":
			return true, odds
		case "-m", "--comment", "--mode", "--seconds", "--name", "--mask":
			next()
			continue
		case "--reap", "--rsource", "--set":
			continue
		default:
			s.t.Fatalf("rule %q: the simulator does not know %q", rule, args[i])
		}
		if ok == not {
			return false, 0
		}
		not = false
	}
	s.t.Fatalf("rule %q leads nowhere", rule)
	return false, 0
}

func after(rule, option string) string {
	args := words(rule)
	if i := slices.Index(args, option); i >= 0 {
		return args[i+1]
	}
	return ""
}

func (o outcome) String() string { return fmt.Sprintf("%s masked=%v", o.to, o.masked) }
