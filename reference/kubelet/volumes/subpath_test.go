package volumes

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBeneathStaysInTheVolume(t *testing.T) {
	outside, volume := t.TempDir(), t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(volume, "out")))
	must(t, os.Mkdir(filepath.Join(volume, "d"), 0o755))
	must(t, os.Symlink("d", filepath.Join(volume, "in")))
	must(t, os.Symlink("../../../../../../../..", filepath.Join(volume, "up")))
	root, err := unix.Open(volume, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(t, err)
	defer unix.Close(root)
	for sub, want := range map[string]bool{
		"d": true, "in": true, "in/new/er": true, "new": true, "out": false, "out/x": false, "up/tmp": false, "../x": false, "/etc": false,
	} {
		fd, err := beneath(root, sub, true)
		if (err == nil) != want {
			t.Errorf("%s: got %v, want allowed=%v", sub, err, want)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
	if _, err := os.Stat(filepath.Join(volume, "d", "new", "er")); err != nil {
		t.Errorf("in/new/er was not made below d: %v", err)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("made outside: %v", entries)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
