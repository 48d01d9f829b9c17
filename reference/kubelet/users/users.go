// Package users gives each pod with a user namespace a range of the node's user and group ids that is its own
// (docs: concepts/workloads/pods/user-namespaces, KEP-127).
package users

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// PerPod is how many ids a pod has. The first range is the node's own users', and none of any pod.
const PerPod = 65536

// last is the number of ranges that ids of 32 bits have room for, but for the very last, which has -1 in it.
const last = 1<<16 - 2

// Ranges remembers which pod has which range, over restarts of the agent too: the ids are in the pod's processes.
type Ranges struct {
	dir string

	mu    sync.Mutex
	taken map[types.UID]uint32
	used  map[uint32]bool
}

// record is what a pod's file says.
type record struct {
	HostID uint32 `json:"hostId"`
	Length uint32 `json:"length"`
}

// New reads what is in dir from before. A file that cannot be read, or that contradicts another, is an error: to
// guess would be to give two pods the same users.
func New(dir string) (*Ranges, error) {
	r := &Ranges{dir: dir, taken: map[types.UID]uint32{}, used: map[uint32]bool{}}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return r, os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".tmp" {
			// Never finished, so never used.
			os.Remove(filepath.Join(dir, e.Name()))
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		n, err := parse(text)
		if err != nil || r.used[n] {
			return nil, fmt.Errorf("user ids of pod %s: %q is not a range of its own: %w", e.Name(), text, err)
		}
		r.taken[types.UID(e.Name())], r.used[n] = n, true
	}
	return r, nil
}

func parse(text []byte) (uint32, error) {
	var got record
	if err := json.Unmarshal(text, &got); err != nil {
		return 0, err
	}
	n := got.HostID / PerPod
	if got.Length != PerPod || got.HostID%PerPod != 0 || n < 1 || n > last {
		return 0, errors.New("out of bounds")
	}
	return n, nil
}

// Take returns the first id of the pod's range, which the pod has from now on until Release.
func (r *Ranges) Take(uid types.UID) (uint32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, ok := r.taken[uid]; ok {
		return n * PerPod, nil
	}
	n, ok := free(r.used)
	if !ok {
		return 0, errors.New("no range of user ids is left on this node")
	}
	if err := r.write(uid, n); err != nil {
		return 0, err
	}
	r.taken[uid], r.used[n] = n, true
	return n * PerPod, nil
}

// free is the lowest range that is not used.
func free(used map[uint32]bool) (uint32, bool) {
	for n := uint32(1); n <= last; n++ {
		if !used[n] {
			return n, true
		}
	}
	return 0, false
}

// Of returns the first id of the pod's range, false if it has none.
func (r *Ranges) Of(uid types.UID) (uint32, bool) {
	if r == nil {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.taken[uid]
	return n * PerPod, ok
}

// Pods lists the pods that have a range.
func (r *Ranges) Pods() []types.UID {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]types.UID, 0, len(r.taken))
	for uid := range r.taken {
		out = append(out, uid)
	}
	slices.Sort(out)
	return out
}

// Release gives the pod's range back: nothing of the pod runs any more.
func (r *Ranges) Release(uid types.UID) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.taken[uid]
	if !ok || os.Remove(filepath.Join(r.dir, string(uid))) != nil {
		// With its file, the range stays the pod's.
		return
	}
	delete(r.taken, uid)
	delete(r.used, n)
}

func (r *Ranges) write(uid types.UID, n uint32) error {
	text, err := json.Marshal(record{HostID: n * PerPod, Length: PerPod})
	if err != nil {
		return err
	}
	path := filepath.Join(r.dir, filepath.Base(string(uid)))
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
