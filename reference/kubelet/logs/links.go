package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	linkSuffix = ".log"
	// maxName is how long a file's name may be, in bytes.
	maxName = 255
)

// Link gives the log at path a name in dir by which those who collect logs know whose it is:
// POD_NAMESPACE_CONTAINER-ID.log, as a symlink. Nobody else needs it.
func Link(dir, pod, namespace, container, id, path string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := fmt.Sprintf("%s_%s_%s-%s", pod, namespace, container, id)
	if most := maxName - len(linkSuffix); len(name) > most {
		name = name[:most]
	}
	if err := os.Symlink(path, filepath.Join(dir, name+linkSuffix)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Unlink removes from dir the links to the log at path, and those to logs whose pods' directories are gone. That a log is
// not there does not count: it may be about to be rotated.
func Unlink(dir, path string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failures []error
	for _, e := range entries {
		link := filepath.Join(dir, e.Name())
		target, err := os.Readlink(link)
		if err != nil {
			continue // not ours
		}
		if target != path {
			if _, err := os.Stat(filepath.Dir(filepath.Dir(target))); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
