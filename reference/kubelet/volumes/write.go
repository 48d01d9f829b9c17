package volumes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// current is the symlink to the directory with the present content. It is replaced by a
// rename, so that a reader sees either all of the old content or all of the new.
const current = "..data"

// write makes the directory hold exactly the payload. Readers find each file under its path;
// the first part of that is a symlink through current. Nothing happens if the content is the
// same already. group, if not nil, gets to read the files.
func write(dir string, p Payload, group *int64) error {
	old, err := os.Readlink(filepath.Join(dir, current))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old != "" && same(filepath.Join(dir, old), p) {
		return nil
	}
	fresh, err := os.MkdirTemp(dir, ".."+time.Now().UTC().Format("2006_01_02_15_04_05."))
	if err != nil {
		return err
	}
	if err := fill(fresh, p, group); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	next := filepath.Join(dir, "..data_tmp")
	os.Remove(next)
	if err := os.Symlink(filepath.Base(fresh), next); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(dir, current)); err != nil {
		return err
	}
	if err := link(dir, p); err != nil {
		return err
	}
	if old != "" {
		return os.RemoveAll(filepath.Join(dir, old))
	}
	return nil
}

// fill writes the files below dir.
func fill(dir string, p Payload, group *int64) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for name, f := range p {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("invalid path %q: must not leave the volume", name)
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, f.Data, 0o600); err != nil {
			return err
		}
		mode, owner, gid := fs.FileMode(f.Mode), -1, -1
		if f.Owner != nil {
			owner = int(*f.Owner)
		}
		if group != nil {
			gid = int(*group)
			mode |= 0o440
		}
		if err := os.Chown(file, owner, gid); err != nil {
			return err
		}
		// Not through WriteFile: the process's umask must not take bits away.
		if err := os.Chmod(file, mode); err != nil {
			return err
		}
	}
	return nil
}

// same tells whether the files below dir are those of the payload.
func same(dir string, p Payload) bool {
	found := 0
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		want, ok := p[name]
		if !ok || !bytes.Equal(want.Data, data) {
			return errDiffers
		}
		found++
		return nil
	})
	return err == nil && found == len(p)
}

var errDiffers = errors.New("content differs")

// link makes the names that readers use, and removes those of files that are gone.
func link(dir string, p Payload) error {
	wanted := map[string]bool{}
	for name := range p {
		first, _, _ := strings.Cut(filepath.Clean(name), string(filepath.Separator))
		wanted[first] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "..") {
			continue
		}
		if wanted[e.Name()] {
			delete(wanted, e.Name())
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	for name := range wanted {
		if err := os.Symlink(filepath.Join(current, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
