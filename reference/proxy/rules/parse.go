package rules

import (
	"bufio"
	"bytes"
	"strings"
)

// Parse reads our rules out of what iptables-save prints for one or more tables. Rules of others
// are left out, but a jump into one of our chains from a chain of theirs is reported.
func Parse(saved []byte) *Ruleset {
	r := Empty()
	table := ""
	lines := bufio.NewScanner(bytes.NewReader(saved))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			name, _, _ := strings.Cut(line[1:], " ")
			if c := (Chain{table, name}); ours(c) {
				r.Chains[c] = nil
			}
		case strings.HasPrefix(line, "-A "):
			name, rule, _ := strings.Cut(line[len("-A "):], " ")
			c := Chain{table, name}
			if ours(c) {
				r.Chains[c] = append(r.Chains[c], rule)
			} else if to := (Chain{table, target(rule)}); single[to] {
				r.Jumps = append(r.Jumps, Jump{Chain: c, To: to, Args: words(rule)})
			}
		}
	}
	return r
}

// target is where a rule jumps to.
func target(rule string) string {
	if i := strings.LastIndex(rule, "-j "); i >= 0 {
		to, _, _ := strings.Cut(rule[i+len("-j "):], " ")
		return to
	}
	return ""
}

// words splits a rule as a shell would, as far as iptables-save quotes.
func words(rule string) []string {
	var out []string
	for i, part := range strings.Split(rule, `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}
