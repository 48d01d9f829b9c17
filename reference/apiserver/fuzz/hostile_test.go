package fuzz_test

import (
	"math/rand"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	jsonserializer "k8s.io/apimachinery/pkg/runtime/serializer/json"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// TestAbsence checks what most programs forget: nothing where something may be.
func TestAbsence(t *testing.T) {
	valid := examples(t)
	for _, k := range servedKinds(t) {
		var old object
		if example := valid[k.GroupVersionKind]; example != nil {
			old = accepted(t, k, example)
		}
		check := func(what string, input []byte) {
			if err := caught(k, input, old); err != nil {
				t.Errorf("%s, %s: %v\ninput: %s", k, what, err, input)
			}
		}
		meta := `{"apiVersion":"` + k.GroupVersion().String() + `","kind":"` + k.Kind + `"`
		check("nothing at all", []byte(meta+`}`))
		check("a name only", []byte(meta+`,"metadata":{"name":"a","namespace":"default"}}`))
		check("null halves", []byte(meta+`,"metadata":null,"spec":null,"status":null}`))
		if old == nil {
			continue
		}
		for _, document := range [][]byte{valid[k.GroupVersionKind], random(t, k, rand.New(rand.NewSource(1)))} {
			all := places("", parse(document), nil)
			for i := 0; i < len(all); i += 1 + len(all)/150 { // of what is large, a part
				root := parse(document)
				p := places("", root, nil)[i]
				if p.path == ".kind" || p.path == ".apiVersion" {
					continue
				}
				p.set(nil)
				check("null at "+p.path, encode(t, root))
				switch p.value.(type) {
				case map[string]any:
					p.set(map[string]any{})
				case []any:
					p.set([]any{})
				case string:
					p.set("")
				default:
					p.set(0)
				}
				check("empty "+p.path, encode(t, root))
			}
		}
	}
}

// TestText checks what a client can do with the text of a document.
func TestText(t *testing.T) {
	kinds, gvk := servedKinds(t), schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	var k *kind
	for _, each := range kinds {
		if each.GroupVersionKind == gvk {
			k = each
		}
	}
	object := func(rest string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},` + rest + `}`
	}
	strict := jsonserializer.NewSerializerWithOptions(jsonserializer.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, jsonserializer.SerializerOptions{Strict: true})
	for _, c := range []struct {
		name, text               string
		refused, refusedStrictly bool
	}{
		{"plain", object(`"data":{"a":"b"}`), false, false},
		{"duplicate field", object(`"data":{"a":"b"},"data":{"c":"d"}`), false, true},
		{"duplicate key", object(`"data":{"a":"b","a":"c"}`), false, true},
		{"unknown field", object(`"dada":{}`), false, true},
		{"field in capitals", object(`"DATA":{"a":"b"}`), false, true},
		{"deep", object(`"data":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)), true, true},
		{"deep and unknown", object(`"x":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)), true, true},
		{"unclosed", strings.Repeat("[", 100_000), true, true},
		{"huge number", object(`"immutable":1e999999999`), true, true},
		{"number of many digits", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default","generation":` + strings.Repeat("9", 100_000) + `}}`, true, true},
		{"fraction", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default","generation":1.5}}`, true, true},
		{"no UTF-8", object("\"data\":{\"a\":\"\xff\xfe\"}"), false, false},
		{"lone surrogate", object(`"data":{"a":"\ud800"}`), false, false},
		{"NUL", object(`"data":{"a":"\u0000"}`), false, false},
		{"no base64", object(`"binaryData":{"a":"%"}`), true, true},
		{"list", `[]`, true, true},
		{"null", `null`, true, true},
		{"nothing", ``, true, true},
		{"two documents", object(`"data":{}`) + object(`"data":{}`), true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := caught(k, []byte(c.text), nil); err != nil {
				t.Error(err)
			}
			if _, err := read(k.GroupVersion(), []byte(c.text)); (err != nil) != c.refused {
				t.Errorf("refused: %v", err)
			}
			if _, _, err := strict.Decode([]byte(c.text), nil, nil); (err != nil) != c.refusedStrictly {
				t.Errorf("refused strictly: %v", err)
			}
		})
	}
}
