package volumes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// read returns what a container sees in the volume.
func read(t interface{ Fatal(...any) }, dir string) map[string]string {
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name()[0] == '.' && e.Name()[1] == '.' {
			continue
		}
		root := filepath.Join(dir, e.Name())
		resolved, err := filepath.EvalSymlinks(root)
		if err != nil {
			t.Fatal(err)
		}
		filepath.Walk(resolved, func(path string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				data, _ := os.ReadFile(path)
				rel, _ := filepath.Rel(resolved, path)
				out[filepath.Join(e.Name(), rel)] = string(data)
			}
			return err
		})
	}
	return out
}

func TestWriteMakesTheVolumeHoldExactlyThePayload(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "v")
		if err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 4).Draw(rt, "updates") {
			p, want := Payload{}, map[string]string{}
			for _, name := range []string{"a", "b", "d/e", "d/f", "g/h/i"} {
				if rapid.Bool().Draw(rt, name) {
					text := rapid.SampledFrom([]string{"", "1", "2"}).Draw(rt, "text")
					p[name], want[name] = File{Data: []byte(text), Mode: 0o644}, text
				}
			}
			if err := write(dir, p, nil); err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want, read(rt, dir)); diff != "" {
				rt.Fatalf("-want +got:\n%s", diff)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "..2*")); len(left) != 1 {
				rt.Fatalf("content directories: got %v, want one", left)
			}
		}
	})
}

func TestTheSameContentIsNotWrittenAgain(t *testing.T) {
	dir, p := t.TempDir(), Payload{"a": {Data: []byte("1"), Mode: 0o400}}
	if err := write(dir, p, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Readlink(filepath.Join(dir, current))
	if err := write(dir, p, nil); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Readlink(filepath.Join(dir, current)); after != before {
		t.Errorf("content moved from %s to %s", before, after)
	}
}

func TestModesAndOwners(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give files away")
	}
	dir := t.TempDir()
	if err := write(dir, Payload{"a": {Mode: 0o600, Owner: ptr.To(int64(7))}}, ptr.To(int64(5))); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o640 || groupOf(info) != 5 {
		t.Errorf("got mode %v of group %d, want 0640 of 5", info.Mode(), groupOf(info))
	}
}

func TestAPayloadCannotLeaveItsVolume(t *testing.T) {
	dir := t.TempDir()
	if err := write(filepath.Join(dir), Payload{"../x": {}}, nil); err == nil {
		t.Error("a path with .. was written")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}
