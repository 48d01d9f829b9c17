package env

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	v1 "k8s.io/api/core/v1"
)

// maxFile is how long a file of variables may be, in bytes (KEP-3721).
const maxFile = 64 << 10

// fromFile returns the variable that a fileKeyRef names, false if it is optional and not there.
func (s Source) fromFile(ref *v1.FileKeySelector) (string, bool, error) {
	text, err := readFile(s.Dir(ref.VolumeName), ref.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return missing(is(ref.Optional), "couldn't find file %v in volume %v", ref.Path, ref.VolumeName)
	}
	if err != nil {
		return "", false, fmt.Errorf("couldn't read file %v of volume %v: %w", ref.Path, ref.VolumeName, err)
	}
	vars, err := ParseFile(text)
	if err != nil {
		return "", false, fmt.Errorf("couldn't parse file %v of volume %v: %w", ref.Path, ref.VolumeName, err)
	}
	if value, ok := vars[ref.Key]; ok {
		return value, true, nil
	}
	return missing(is(ref.Optional), "couldn't find key %v in file %v of volume %v", ref.Key, ref.Path, ref.VolumeName)
}

// readFile reads what a container wrote, who may have written anything: a link that leads out of dir is not
// followed, and nothing but a plain file read.
func readFile(dir, path string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	// Opening a pipe would wait for its writer.
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return string(text), err
}

// ParseFile reads variables of the form NAME='value', where the value may span lines and nothing in it has a
// meaning. Blank lines, lines that begin with # and blanks around name and = do not count; all else is an error.
// (docs: tasks/inject-data-application/define-environment-variable-via-file, "Env file syntax".) Of a name that is
// given twice the last value counts, as it does to a shell.
func ParseFile(text string) (map[string]string, error) {
	const blank = " \t\r"
	vars := map[string]string{}
	for line := 1; text != ""; {
		text = strings.TrimLeft(text, blank)
		if text == "" {
			break
		}
		if text[0] == '\n' || text[0] == '#' {
			_, text, _ = strings.Cut(text, "\n")
			line++
			continue
		}
		name, rest, found := strings.Cut(text, "=")
		name = strings.TrimRight(name, blank)
		if !found || name == "" || strings.ContainsAny(name, " \t\r\n'\"") {
			return nil, fmt.Errorf("line %d: want NAME='value'", line)
		}
		rest = strings.TrimLeft(rest, blank)
		if !strings.HasPrefix(rest, "'") {
			return nil, fmt.Errorf("line %d: the value must be in single quotes", line)
		}
		value, after, closed := strings.Cut(rest[1:], "'")
		if !closed {
			return nil, fmt.Errorf("line %d: the quote is not closed", line)
		}
		end, next, _ := strings.Cut(after, "\n")
		if strings.Trim(end, blank) != "" {
			return nil, fmt.Errorf("line %d: text after the value", line)
		}
		vars[name] = value
		line += strings.Count(value, "\n") + 1
		text = next
	}
	return vars, nil
}
