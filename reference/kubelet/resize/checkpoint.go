package resize

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/types"
)

// Checkpoint remembers the allocations of pods that were resized, over restarts of the agent. Those of others are
// known from their sandbox.
type Checkpoint struct {
	file string
	pods map[types.UID]Allocation
}

// checkpointVersion is that of the file's form.
const checkpointVersion = 1

type document struct {
	Version int                      `json:"version"`
	Pods    map[types.UID]Allocation `json:"pods"`
}

// Open reads the file; there need not be one.
func Open(file string) (*Checkpoint, error) {
	c := &Checkpoint{file: file, pods: map[types.UID]Allocation{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := parse(text)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: file, Err: err}
	}
	maps.Copy(c.pods, d.Pods)
	return c, nil
}

func parse(text []byte) (document, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return d, err
	}
	if d.Version != checkpointVersion {
		return d, errors.New("written by another version of the kubelet")
	}
	return d, nil
}

// Get returns the pod's allocation, if it is remembered.
func (c *Checkpoint) Get(uid types.UID) (Allocation, bool) {
	a, ok := c.pods[uid]
	return a, ok
}

// Set remembers the pod's allocation. It returns when the disk has it.
func (c *Checkpoint) Set(uid types.UID, a Allocation) error {
	c.pods[uid] = a
	return c.write()
}

// Delete forgets the pod.
func (c *Checkpoint) Delete(uid types.UID) error {
	if _, ok := c.pods[uid]; !ok {
		return nil
	}
	delete(c.pods, uid)
	return c.write()
}

// write replaces the file as a whole: a reader sees the old one or the new one.
func (c *Checkpoint) write() error {
	text, err := json.Marshal(document{checkpointVersion, c.pods})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.file), ".allocations-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.file)
}
