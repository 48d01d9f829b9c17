package fuzz_test

import (
	"encoding/json"
	"math/rand"
	"slices"
	"strings"
)

// place is somewhere in a JSON document: what is there, and how to put something else.
type place struct {
	path  string
	value any
	set   func(any)
	drop  func()
}

// places lists all of a document below its top level, in a stable order.
func places(path string, node any, out []place) []place {
	switch n := node.(type) {
	case map[string]any:
		keys := make([]string, 0, len(n))
		for key := range n {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			at := path + "." + key
			out = append(out, place{at, n[key], func(v any) { n[key] = v }, func() { delete(n, key) }})
			out = places(at, n[key], out)
		}
	case []any:
		for i := range n {
			out = append(out, place{path + "[]", n[i], func(v any) { n[i] = v }, func() { n[i] = nil }})
			out = places(path+"[]", n[i], out)
		}
	}
	return out
}

// mutate makes one to four changes to an example, with donor, a random object of the same kind, as the
// source of fields that the example does not have.
func mutate(example, donor []byte, r *rand.Rand) []byte {
	root, from := parse(example), parse(donor)
	for range 1 + r.Intn(4) {
		all := slices.DeleteFunc(places("", root, nil), func(p place) bool { return p.path == ".kind" || p.path == ".apiVersion" })
		if len(all) == 0 {
			break
		}
		p := all[r.Intn(len(all))]
		switch r.Intn(8) {
		case 0:
			p.drop()
		case 1:
			p.set(nil)
		case 2:
			p.set(words[r.Intn(len(words))])
		case 3:
			p.set(numbers[r.Intn(len(numbers))])
		case 4:
			p.set(repeated(p.value, r))
		default:
			graft(root, from, r)
		}
	}
	data, err := json.Marshal(root)
	if err != nil {
		panic(err) // it was made of JSON
	}
	return data
}

func parse(data []byte) map[string]any {
	root := map[string]any{}
	if err := json.Unmarshal(data, &root); err != nil {
		panic(err) // ours
	}
	return root
}

// repeated is a list with one of its items twice, or any other value as it is.
func repeated(v any, r *rand.Rand) any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		return append(slices.Clone(list), list[r.Intn(len(list))])
	}
	return v
}

// graft copies one part of a document to the same place of another, if that has such a place.
func graft(root, from map[string]any, r *rand.Rand) {
	all := slices.DeleteFunc(places("", from, nil), func(p place) bool {
		return p.path == ".kind" || p.path == ".apiVersion" || strings.HasPrefix(p.path, ".metadata") && r.Intn(8) != 0
	})
	if len(all) == 0 {
		return
	}
	p := all[r.Intn(len(all))]
	parent := p.path[:max(strings.LastIndex(p.path, "."), 0)]
	key := strings.TrimRight(p.path[len(parent)+1:], "[]")
	if parent == "" {
		root[key] = p.value
		return
	}
	var into []map[string]any
	for _, q := range places("", root, nil) {
		if m, ok := q.value.(map[string]any); ok && q.path == parent {
			into = append(into, m)
		}
	}
	if len(into) > 0 && !strings.HasSuffix(p.path, "[]") {
		into[r.Intn(len(into))][key] = p.value
	}
}
