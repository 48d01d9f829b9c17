package static

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// maxDescription bounds what is read of one file or answer.
const maxDescription = 10 << 20

// directory reads descriptions from the files of a directory, or from a single file.
type directory struct {
	path, node string
	log        klog.Logger
	// good is the pod that each file described when it could last be read.
	good map[string]*v1.Pod
	// bad is what was wrong with each file, which is said once.
	bad map[string]string
}

// read returns the pods that the files describe, the first of those of the same name. A file that says nothing
// sensible, which may be half written, leaves its earlier pod in place; one that is gone does not. What does not exist
// describes nothing.
func (d *directory) read(now time.Time) ([]*v1.Pod, error) {
	files, err := d.files()
	if err != nil {
		return nil, err
	}
	good, bad := map[string]*v1.Pod{}, map[string]string{}
	var pods []*v1.Pod
	names := map[string]bool{}
	for _, file := range files {
		pod, err := d.pod(file, now)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			bad[file] = err.Error()
			if d.bad[file] != bad[file] {
				d.log.Error(err, "A file does not describe a static pod", "file", file)
			}
			if pod = d.good[file]; pod == nil {
				continue
			}
		} else if before := d.good[file]; before != nil && before.UID == pod.UID {
			pod = before
		}
		good[file] = pod
		if name := pod.Namespace + "/" + pod.Name; !names[name] {
			names[name] = true
			pods = append(pods, pod)
		}
	}
	d.good, d.bad = good, bad
	return pods, nil
}

func (d *directory) pod(file string, now time.Time) (*v1.Pod, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxDescription {
		return nil, errors.New("it is too large")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return decode(text, Origin{Kind: "file", Name: file}, d.node, now)
}

// files lists the files in the order of their names, without those that are hidden.
func (d *directory) files() ([]string, error) {
	info, err := os.Stat(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{d.path}, nil
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		file := filepath.Join(d.path, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			out = append(out, file)
		}
	}
	return out, nil
}
