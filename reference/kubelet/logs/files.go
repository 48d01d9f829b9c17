// Package logs keeps the logs of containers within bounds, and reads them over all of their files.
//
// The runtime writes an instance's log to one file, <container>/<attempt>.log, a line at a time with its time and its
// stream. When that file grows too large it is renamed to <attempt>.log.<time> and the runtime opens it anew. The newest
// of the renamed files stays as it is, older ones are compressed to <attempt>.log.<time>.gz, and the oldest are removed
// (docs: concepts/cluster-administration/logging#log-rotation).
package logs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// stamp is the time of a rotation in a file's name; names sort by it.
	stamp     = "20060102-150405"
	gzipped   = ".gz"
	unwritten = ".tmp"
)

// rotations returns what a log was renamed to, oldest first. Of a file that is there compressed and not, since the agent
// ended in between, it is the one that is not.
func rotations(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	var out []string
	for _, name := range rotated(filepath.Base(path), names) {
		out = append(out, filepath.Join(filepath.Dir(path), name))
	}
	return out, nil
}

// rotated picks from names those that the log called base was renamed to, oldest first.
func rotated(base string, names []string) []string {
	byTime := map[string]string{}
	for _, name := range names {
		suffix, ok := strings.CutPrefix(name, base+".")
		if !ok {
			continue
		}
		at := strings.TrimSuffix(suffix, gzipped)
		if _, err := time.Parse(stamp, at); err != nil {
			continue
		}
		if _, there := byTime[at]; !there || at == suffix {
			byTime[at] = name
		}
	}
	out := make([]string, 0, len(byTime))
	for _, name := range byTime {
		out = append(out, name)
	}
	slices.SortFunc(out, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, gzipped), strings.TrimSuffix(b, gzipped))
	})
	return out
}

// excess says what to do with rotated files, oldest first, before one more is made, so that there will be at most
// keep files with the present one: which to remove, and which to compress.
func excess(files []string, keep int) (remove, compress []string) {
	// The one that is written and the one that it becomes now.
	old := max(keep-2, 0)
	if n := len(files) - old; n > 0 {
		remove, files = files[:n], files[n:]
	}
	for _, file := range files {
		if !strings.HasSuffix(file, gzipped) {
			compress = append(compress, file)
		}
	}
	return remove, compress
}

// Remove removes the log with all of its files.
func Remove(path string) error {
	files, err := filepath.Glob(globbed(path) + ".*")
	if err != nil {
		return err
	}
	var failures []error
	for _, file := range append(files, path) {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// globbed is a pattern that matches just the path.
func globbed(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
