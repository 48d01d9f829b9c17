package users

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

func TestNoTwoPodsShareARangeWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "users")
		if err != nil {
			rt.Fatal(err)
		}
		r, err := New(filepath.Join(dir, "users"))
		if err != nil {
			rt.Fatal(err)
		}
		has := map[types.UID]uint32{}
		uid := rapid.Custom(func(rt *rapid.T) types.UID {
			return types.UID(fmt.Sprint("pod-", rapid.IntRange(0, 9).Draw(rt, "pod")))
		})
		rt.Repeat(map[string]func(*rapid.T){
			"take": func(rt *rapid.T) {
				pod := uid.Draw(rt, "uid")
				got, err := r.Take(pod)
				if before, ok := has[pod]; err != nil || (ok && before != got) {
					rt.Fatalf("%s has %d, then %d, %v", pod, before, got, err)
				}
				has[pod] = got
			},
			"release": func(rt *rapid.T) {
				pod := uid.Draw(rt, "uid")
				r.Release(pod)
				delete(has, pod)
			},
			"restart": func(rt *rapid.T) {
				if r, err = New(r.dir); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				seen := map[uint32]types.UID{}
				for pod, first := range has {
					if other, taken := seen[first]; taken || first < PerPod || first%PerPod != 0 {
						rt.Fatalf("%s has %d, and %s", pod, first, other)
					}
					seen[first] = pod
					if got, ok := r.Of(pod); !ok || got != first {
						rt.Fatalf("%s has %d, Of says %d, %t", pod, first, got, ok)
					}
				}
				if len(r.Pods()) != len(has) {
					rt.Fatalf("pods %v, want %v", r.Pods(), has)
				}
			},
		})
	})
}

func TestWhatCannotBeReadIsNotGuessed(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no JSON":       {"a": "x"},
		"two alike":     {"a": `{"hostId":65536,"length":65536}`, "b": `{"hostId":65536,"length":65536}`},
		"the node's":    {"a": `{"hostId":0,"length":65536}`},
		"out of step":   {"a": `{"hostId":65537,"length":65536}`},
		"another width": {"a": `{"hostId":65536,"length":1}`},
	} {
		dir := t.TempDir()
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := New(dir); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.tmp"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir); err != nil {
		t.Errorf("a file that was never finished: %v", err)
	}
}
