package directories

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestADirectoryKeepsItsContentUntilItIsDeleted(t *testing.T) {
	used := true
	s := &Store{Root: filepath.Join(t.TempDir(), "volumes"), InUse: func(string) (bool, error) { return used, nil }}
	var dir string
	for range 2 {
		var err error
		if dir, err = s.Make("pvc-1", 1<<20); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "data"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("the directory: got %v, %v; want mode 0777", info, err)
	}
	if err := s.Delete("pvc-1"); !errors.Is(err, ErrInUse) {
		t.Errorf("deleting what a pod uses: got %v", err)
	}
	used = false
	for range 2 {
		if err := s.Delete("pvc-1"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestNamesCannotLeadElsewhere(t *testing.T) {
	s := &Store{Root: t.TempDir(), InUse: func(string) (bool, error) { return false, nil }}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/etc"} {
		if dir, err := s.Make(name, 0); err == nil {
			t.Errorf("%q: made %s", name, dir)
		}
		if s.Delete(name) == nil {
			t.Errorf("%q: deleted", name)
		}
	}
}

func TestWhatTheDiskCannotHoldIsRefused(t *testing.T) {
	s := &Store{Root: t.TempDir()}
	if _, err := s.Make("pvc-1", 1<<62); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(s.Root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
