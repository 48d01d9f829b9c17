package volumes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// A container exchanges a directory for a symlink that leads out, again and again, while its volume's subPath is mounted.
func TestARaceDoesNotLeadOutOfTheVolume(t *testing.T) {
	outside, volume := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(filepath.Join(volume, "a"), 0o755))
	must(t, os.Symlink(outside, filepath.Join(volume, "b")))
	root, err := unix.Open(volume, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(t, err)
	defer unix.Close(root)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(root, "a", root, "b", unix.RENAME_EXCHANGE)
			}
		}
	}()
	for range 2000 {
		fd, err := beneath(root, "a/new", true)
		if err != nil {
			continue
		}
		where, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		unix.Close(fd)
		if err != nil || !strings.HasPrefix(where, volume) {
			t.Fatalf("led to %s, %v", where, err)
		}
	}
	close(stop)
	<-stopped
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("made outside: %v", entries)
	}
}

func TestWhatIsMadeBelowAVolumeIsLikeIt(t *testing.T) {
	volume := t.TempDir()
	must(t, os.Chmod(volume, 0o770|os.ModeSetgid))
	root, err := unix.Open(volume, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(t, err)
	defer unix.Close(root)
	fd, err := beneath(root, "x/y", true)
	must(t, err)
	unix.Close(fd)
	for _, dir := range []string{"x", "x/y"} {
		info, err := os.Stat(filepath.Join(volume, dir))
		must(t, err)
		if got, want := info.Mode(), os.ModeDir|os.ModeSetgid|0o770; got != want {
			t.Errorf("%s: got %v, want %v", dir, got, want)
		}
	}
}
