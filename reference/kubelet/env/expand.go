// Package env works out the environment of a container: its variables, their expansion, and
// the variables that tell it of Services.
package env

import "strings"

// Expand replaces $(NAME) in s by what lookup has for it. A name that lookup does not know
// stays as written; $$ stands for a plain dollar sign, so $$(NAME) is never replaced.
// (API reference: Container.command.)
func Expand(s string, lookup map[string]string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 >= len(s) {
			out.WriteString(s)
			return out.String()
		}
		out.WriteString(s[:i])
		s = s[i:]
		switch s[1] {
		case '$':
			out.WriteByte('$')
			s = s[2:]
		case '(':
			end := strings.IndexByte(s, ')')
			if end < 0 {
				// A reference that is never closed is text.
				out.WriteString("$(")
				s = s[2:]
				continue
			}
			if value, ok := lookup[s[2:end]]; ok {
				out.WriteString(value)
			} else {
				out.WriteString(s[:end+1])
			}
			s = s[end+1:]
		default:
			out.WriteByte('$')
			s = s[1:]
		}
	}
}

// ExpandAll expands each of words.
func ExpandAll(words []string, lookup map[string]string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = Expand(w, lookup)
	}
	return out
}
