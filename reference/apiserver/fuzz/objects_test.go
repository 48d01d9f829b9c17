package fuzz_test

import (
	"embed"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

//go:embed testdata/*.yaml
var testdata embed.FS

// examples are valid objects, by kind.
func examples(tb testing.TB) map[schema.GroupVersionKind][]byte {
	tb.Helper()
	found := map[schema.GroupVersionKind][]byte{}
	files, err := testdata.ReadDir("testdata")
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		text, err := testdata.ReadFile("testdata/" + file.Name())
		if err != nil {
			tb.Fatal(err)
		}
		for i, document := range strings.Split(string(text), "\n---\n") {
			data, err := yaml.YAMLToJSONStrict([]byte(document))
			if err != nil {
				tb.Fatalf("%s, document %d: %v", file.Name(), i, err)
			}
			root := parse(data)
			found[schema.FromAPIVersionAndKind(fmt.Sprint(root["apiVersion"]), fmt.Sprint(root["kind"]))] = data
		}
	}
	return found
}

const (
	fuzzTime = "ETALON_FUZZ"      // for how long, such as 10m; otherwise a few rounds
	fuzzSeed = "ETALON_FUZZ_SEED" // where to begin; otherwise always the same, or the time with ETALON_FUZZ
	rounds   = 6
)

// TestObjects checks random and mutated objects of every kind.
func TestObjects(t *testing.T) {
	kinds, valid := servedKinds(t), examples(t)
	seed, again := int64(1), func(round int) bool { return round < rounds }
	if text := os.Getenv(fuzzTime); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(d)
		seed, again = time.Now().UnixNano(), func(int) bool { return time.Now().Before(end) }
	}
	if text := os.Getenv(fuzzSeed); text != "" {
		var err error
		if seed, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	checked, failed := 0, map[*kind]bool{}
	for round := 0; again(round) && !t.Failed(); round++ {
		for _, k := range kinds {
			r := rand.New(rand.NewSource(seed + int64(round)))
			inputs := [][]byte{random(t, k, r)}
			var old object
			if example := valid[k.GroupVersionKind]; example != nil {
				old = accepted(t, k, example)
				for range 8 {
					inputs = append(inputs, mutate(example, random(t, k, r), r))
				}
			}
			for i, input := range inputs {
				checked++
				if i%4 == 3 { // from here on, what is replaced is not the example either
					if o, err := created(k, input); err == nil && o != nil {
						old = o
					}
				}
				if err := caught(k, input, old); err != nil {
					if failed[k] {
						continue // as it does now, or worse: one at a time
					}
					failed[k] = true
					t.Errorf("%s, %s=%d: %v\ninput: %s", k, fuzzSeed, seed+int64(round), err, input)
				}
			}
		}
	}
	t.Logf("%d inputs of %d kinds from seed %d", checked, len(kinds), seed)
}

// TestExamples: the examples are valid, and remain what they are.
func TestExamples(t *testing.T) {
	byKind := map[schema.GroupVersionKind]*kind{}
	for _, k := range servedKinds(t) {
		byKind[k.GroupVersionKind] = k
	}
	for gvk, example := range examples(t) {
		t.Run(gvk.Group+"/"+gvk.Kind, func(t *testing.T) {
			if byKind[gvk] == nil {
				t.Fatalf("%s is not served", gvk)
			}
			if err := caught(byKind[gvk], example, accepted(t, byKind[gvk], example)); err != nil {
				t.Error(err)
			}
		})
	}
}

// accepted is an example as it is stored.
func accepted(tb testing.TB, k *kind, example []byte) object {
	tb.Helper()
	if k.create == nil {
		return nil
	}
	if _, err := read(k.GroupVersion(), example); err != nil {
		tb.Fatalf("example of %s: %v", k, err)
	}
	o, err := created(k, example)
	if err != nil || o == nil {
		tb.Fatalf("example of %s is refused: %v", k, refusal(k, example))
	}
	return o
}

// caught turns a panic into an error.
func caught(k *kind, data []byte, old object) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return everything(k, data, old)
}

// FuzzBytes lets Go's fuzzer change the text of the examples.
func FuzzBytes(f *testing.F) {
	kinds, valid := servedKinds(f), examples(f)
	byKind, olds := map[schema.GroupVersionKind]*kind{}, map[schema.GroupVersionKind]object{}
	for _, k := range kinds {
		byKind[k.GroupVersionKind] = k
		if example := valid[k.GroupVersionKind]; example != nil {
			olds[k.GroupVersionKind] = accepted(f, k, example)
			f.Add(example)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var meta struct{ APIVersion, Kind string }
		if json.Unmarshal(data, &meta) != nil {
			return
		}
		gvk := schema.FromAPIVersionAndKind(meta.APIVersion, meta.Kind)
		if k := byKind[gvk]; k != nil {
			if err := caught(k, data, olds[gvk]); err != nil {
				t.Error(err)
			}
		}
	})
}
