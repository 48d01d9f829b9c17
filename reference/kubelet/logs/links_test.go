package logs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinks(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "containers")
	logOf := func(pod, attempt string) string {
		path := filepath.Join(root, "pods", "ns_"+pod+"_uid", "c", attempt+".log")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(pod+attempt), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(pod, id, path string) {
		t.Helper()
		if err := Link(dir, pod, "ns", "c", id, path); err != nil {
			t.Fatal(err)
		}
	}
	want := func(names ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if diff := cmp.Diff(append([]string{}, names...), got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if err := Unlink(dir, "none"); err != nil {
		t.Error(err)
	}
	first, second, other := logOf("a", "0"), logOf("a", "1"), logOf("b", "0")
	link("a", "id0", first)
	link("a", "id0", first) // again
	link("a", "id1", second)
	link("b", "id2", other)
	want("a_ns_c-id0.log", "a_ns_c-id1.log", "b_ns_c-id2.log")
	if text, err := os.ReadFile(filepath.Join(dir, "a_ns_c-id1.log")); err != nil || string(text) != "a1" {
		t.Errorf("got %q, %v", text, err)
	}
	// One that is being rotated is not there for a moment.
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := Unlink(dir, first); err != nil {
		t.Error(err)
	}
	want("a_ns_c-id1.log", "b_ns_c-id2.log")
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(second))); err != nil {
		t.Fatal(err)
	}
	if err := Unlink(dir, ""); err != nil {
		t.Error(err)
	}
	want("b_ns_c-id2.log")
	long := strings.Repeat("x", 253)
	link(long, "id", other)
	want("b_ns_c-id2.log", long[:251]+".log")
}
