package stats

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTreeCountsBlocksOnce(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "big")
	write := func(path string, size int) {
		t.Helper()
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	empty, err := Tree(dir)
	if err != nil || empty.Inodes != 1 {
		t.Fatalf("%+v, %v", empty, err)
	}
	write(outside, 1<<20)
	write(filepath.Join(dir, "a"), 64<<10)
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	got, err := Tree(dir)
	if err != nil || got.Inodes != 3 || got.Bytes < 64<<10 || got.Bytes > 64<<10+64<<10 {
		t.Errorf("%+v, %v: the file counts once, the link for itself, what it leads to not at all", got, err)
	}
	if _, err := Tree(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
