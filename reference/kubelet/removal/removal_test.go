package removal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", path, err)
	}
}

func TestSymlinksAreRemovedAndNotFollowed(t *testing.T) {
	dir := t.TempDir()
	tree, outside := filepath.Join(dir, "tree"), filepath.Join(dir, "outside")
	must(t, os.MkdirAll(filepath.Join(tree, "a"), 0o700))
	must(t, os.MkdirAll(outside, 0o700))
	must(t, os.WriteFile(filepath.Join(outside, "file"), nil, 0o600))
	must(t, os.Symlink(outside, filepath.Join(tree, "a", "link")))
	must(t, os.Symlink("/", filepath.Join(tree, "root")))
	must(t, Tree(tree))
	gone(t, tree)
	if _, err := os.Stat(filepath.Join(outside, "file")); err != nil {
		t.Errorf("what a symlink led to: %v", err)
	}
	must(t, Tree(tree))
	must(t, Tree(filepath.Join(tree, "none", "either")))
}

func TestATreeOfAnyDepthAndWidthIsRemoved(t *testing.T) {
	tree := filepath.Join(t.TempDir(), "tree")
	must(t, os.Mkdir(tree, 0o700))
	fd, err := unix.Open(tree, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(t, err)
	// Far deeper than a path can name.
	for range 3000 {
		must(t, unix.Mkdirat(fd, "d", 0o700))
		next, err := unix.Openat(fd, "d", unix.O_PATH|unix.O_DIRECTORY, 0)
		must(t, err)
		must(t, unix.Mkdirat(next, "beside", 0o700))
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	for i := range 3000 {
		must(t, os.WriteFile(filepath.Join(tree, fmt.Sprint("f", i)), nil, 0o600))
	}
	must(t, Tree(tree))
	gone(t, tree)
}

func TestNothingBelowAMountIsTouched(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount")
	}
	for name, target := range map[string]string{"a directory": "dir", "a file": "file"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tree, outside := filepath.Join(dir, "tree"), filepath.Join(dir, "outside")
			for _, d := range []string{tree, outside} {
				must(t, os.MkdirAll(filepath.Join(d, "dir"), 0o700))
				must(t, os.WriteFile(filepath.Join(d, "dir", "precious"), nil, 0o600))
				must(t, os.WriteFile(filepath.Join(d, "file"), nil, 0o600))
			}
			// The same file system: only the mount itself tells.
			at := filepath.Join(tree, target)
			must(t, unix.Mount(filepath.Join(outside, target), at, "", unix.MS_BIND, ""))
			t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
			if err := Tree(tree); !errors.Is(err, ErrMounted) {
				t.Errorf("got %v, want %v", err, ErrMounted)
			}
			for _, file := range []string{"dir/precious", "file"} {
				if _, err := os.Stat(filepath.Join(outside, file)); err != nil {
					t.Errorf("below the mount: %v", err)
				}
			}
		})
	}
}
