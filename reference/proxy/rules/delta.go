package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Delta is the input for iptables-restore --noflush that turns the rules have into want, touching
// nothing else; nil if they are the same. Chains of one Service are replaced whole. In the
// chains that all Services share, single rules are taken out and put in.
func Delta(have, want *Ruleset) []byte {
	var out bytes.Buffer
	for _, table := range []string{NAT, Filter} {
		d := delta{table: table}
		d.chains(have, want)
		d.jumps(have, want)
		d.write(&out)
	}
	if out.Len() == 0 {
		return nil
	}
	return out.Bytes()
}

// delta collects the lines for one table.
type delta struct {
	table    string
	declared []string // created or emptied
	rules    []string
	removed  []string
}

func (d *delta) chains(have, want *Ruleset) {
	var changed, gone []string
	for c, rules := range want.Chains {
		if c.Table != d.table {
			continue
		}
		if old, known := have.Chains[c]; !known || !slices.Equal(old, rules) {
			changed = append(changed, c.Name)
		}
	}
	for c := range have.Chains {
		if _, stays := want.Chains[c]; !stays && c.Table == d.table {
			gone = append(gone, c.Name)
		}
	}
	slices.Sort(changed)
	slices.Sort(gone)
	for _, name := range changed {
		c := Chain{d.table, name}
		if old, known := have.Chains[c]; known && dispatch[c] && d.patch(c, old, want.Chains[c]) {
			continue
		}
		d.declared = append(d.declared, name)
		for _, rule := range want.Chains[c] {
			d.rules = append(d.rules, "-A "+name+" "+rule)
		}
	}
	for _, name := range gone {
		// Emptied first: it may refer to another chain that goes too.
		d.declared = append(d.declared, name)
		d.removed = append(d.removed, "-X "+name)
	}
}

// patch changes single rules of a chain; false if it is cheaper to write the chain anew.
func (d *delta) patch(c Chain, old, wanted []string) bool {
	stays, gone := map[string]bool{}, []string(nil)
	for _, rule := range wanted {
		stays[rule] = true
	}
	had := make(map[string]bool, len(old))
	for _, rule := range old {
		if had[rule] || !stays[rule] {
			gone = append(gone, rule)
		}
		had[rule] = true
	}
	var fresh []string
	for _, rule := range wanted {
		if !had[rule] {
			fresh = append(fresh, rule)
		}
	}
	if last := len(wanted) - 1; c == services && (last < 0 || !had[wanted[last]]) {
		return false // the rule that must be the last is missing
	}
	if len(gone)+len(fresh) > len(wanted)/2+1 {
		return false
	}
	for _, rule := range gone {
		d.rules = append(d.rules, "-D "+c.Name+" "+rule)
	}
	for _, rule := range fresh {
		d.rules = append(d.rules, "-I "+c.Name+" "+rule)
	}
	return true
}

// jumps puts ours before what others have in the built-in chains. Their order is that of want.
func (d *delta) jumps(have, want *Ruleset) {
	for _, j := range slices.Backward(want.Jumps) {
		if j.Chain.Table == d.table && !has(have.Jumps, j) {
			d.rules = append(d.rules, "-I "+j.Chain.Name+" "+j.String())
		}
	}
	for _, j := range have.Jumps {
		if j.Chain.Table == d.table && !has(want.Jumps, j) {
			d.rules = append(d.rules, "-D "+j.Chain.Name+" "+j.String())
		}
	}
}

func has(jumps []Jump, j Jump) bool {
	return slices.ContainsFunc(jumps, func(o Jump) bool { return o.Chain == j.Chain && slices.Equal(o.Args, j.Args) })
}

func (d *delta) write(out *bytes.Buffer) {
	if len(d.declared)+len(d.rules)+len(d.removed) == 0 {
		return
	}
	fmt.Fprintf(out, "*%s\n", d.table)
	for _, name := range d.declared {
		fmt.Fprintf(out, ":%s - [0:0]\n", name)
	}
	for _, lines := range [][]string{d.rules, d.removed} {
		for _, line := range lines {
			out.WriteString(line)
			out.WriteByte('\n')
		}
	}
	out.WriteString("COMMIT\n")
}

// String is the rule as iptables-save prints it.
func (j Jump) String() string {
	words := make([]string, len(j.Args))
	for i, word := range j.Args {
		if words[i] = word; strings.ContainsAny(word, " /") {
			words[i] = `"` + word + `"`
		}
	}
	return strings.Join(words, " ")
}
