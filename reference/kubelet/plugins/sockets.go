package plugins

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// identity tells a socket from another one that took its place.
type identity struct {
	inode uint64
	made  time.Time
}

// sockets finds those at or below dir, whose names do not begin with a dot.
func sockets(dir string) (map[string]identity, error) {
	found := map[string]identity{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// It went while we looked.
			return nil
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), ".") && path != dir:
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.Type() != fs.ModeSocket:
			return nil
		}
		if info, err := os.Lstat(path); err == nil {
			found[path] = identity{inode(info), info.ModTime()}
		}
		return nil
	})
	return found, err
}

// directories finds dir and those below it.
func directories(dir string) []string {
	var out []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			out = append(out, path)
		}
		return nil
	})
	return out
}

// changes are the sockets to let go and those to take up, so that what is known becomes what was found. A socket in
// the place of another is both.
func changes(known, found map[string]identity) (gone, fresh []string) {
	for path, id := range known {
		if found[path] != id {
			gone = append(gone, path)
		}
	}
	for path, id := range found {
		if known[path] != id {
			fresh = append(fresh, path)
		}
	}
	return gone, fresh
}
