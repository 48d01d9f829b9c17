package volumes

import (
	"io/fs"
	"os"
	"path/filepath"
)

// groupsOwn is the mode that a directory of the group has at least.
const groupsOwn = fs.ModeSetgid | 0o770

// giveTo makes the volume the group's: every file belongs to it and can be read and written by
// it, and what is made in a directory is the group's as well (docs: tasks/configure-pod-container/
// security-context). onRootMismatch leaves the tree alone if its root is right already.
func giveTo(dir string, group int64, onRootMismatch bool) error {
	if info, err := os.Stat(dir); err == nil && onRootMismatch && groupOf(info) == group && info.Mode()&groupsOwn == groupsOwn {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, int(group)); err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return err
		}
		mode := info.Mode() | 0o660
		if d.IsDir() {
			mode |= groupsOwn
		}
		return os.Chmod(path, mode)
	})
}

// GiveTo makes what is at dir the group's, as a pod's fsGroup asks for.
func GiveTo(dir string, group int64, onRootMismatch bool) error {
	return giveTo(dir, group, onRootMismatch)
}
