package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"syscall"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/network"
)

// The machine's list of clusters gives each its addresses. It lies where a reboot clears it, as a
// reboot clears the addresses.
const (
	machineDir = "/run/etalon"
	listFile   = "clusters.json"
	lockFile   = ".lock"
)

// listing is one entry of the list.
type listing struct {
	Index   int    `json:"index"`
	DataDir string `json:"dataDir"`
}

// machine is the list, by cluster name, in a directory of its own.
type machine struct{ dir string }

var thisMachine = machine{machineDir}

// list returns the clusters of this machine.
func (m machine) list() (map[string]listing, error) {
	all := map[string]listing{}
	b, err := os.ReadFile(filepath.Join(m.dir, listFile))
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(m.dir, listFile), err)
	}
	return all, nil
}

// change replaces the list by what edit makes of it, one process at a time.
func (m machine) change(edit func(map[string]listing) error) error {
	unlock, err := m.lock()
	if err != nil {
		return err
	}
	defer unlock()
	all, err := m.list()
	if err != nil {
		return err
	}
	if err := edit(all); err != nil {
		return err
	}
	if len(all) > 0 {
		return spec.Save(filepath.Join(m.dir, listFile), all)
	}
	if err := os.Remove(filepath.Join(m.dir, listFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// The lock goes last, while it is held; who waits for it finds it gone and makes another.
	if err := os.Remove(filepath.Join(m.dir, lockFile)); err != nil {
		return err
	}
	_ = os.Remove(m.dir)
	return nil
}

func (m machine) lock() (unlock func(), err error) {
	for {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return nil, err
		}
		// The last cluster's end may take the directory away again.
		if unlock, err = lock(filepath.Join(m.dir, lockFile), true); !errors.Is(err, os.ErrNotExist) {
			return unlock, err
		}
	}
}

// claim enters a cluster and returns its index. One that has an index already (0 or more) keeps it or
// is refused; taken says who else uses the addresses of an index.
func (m machine) claim(name, dir string, wanted int, taken func(index int) (string, error)) (index int, err error) {
	return index, m.change(func(all map[string]listing) error {
		for other, l := range all {
			if _, err := Open(l.DataDir); other != name && errors.Is(err, os.ErrNotExist) && !exists(filepath.Join(l.DataDir, lockFile)) {
				delete(all, other) // its data is gone, and with it all that would bring it back
			}
		}
		if l, ok := all[name]; ok {
			if l.DataDir != dir && exists(filepath.Join(l.DataDir, recordFile)) {
				return fmt.Errorf("cluster %q has its data in %s; take it down first, or choose another --name", name, l.DataDir)
			}
			if wanted < 0 {
				wanted = l.Index
			}
		}
		if index, err = choose(all, name, wanted, taken); err != nil {
			return err
		}
		all[name] = listing{Index: index, DataDir: dir}
		return nil
	})
}

// choose returns the wanted index if it is free, or the lowest free one where none is wanted (-1).
func choose(all map[string]listing, name string, wanted int, taken func(int) (string, error)) (int, error) {
	users := map[int]string{}
	for other, l := range all {
		if other != name {
			users[l.Index] = other
		}
	}
	if wanted >= 0 {
		if other, used := users[wanted]; used {
			return 0, fmt.Errorf("cluster %q was made with the addresses that cluster %q uses now; take that one down first", name, other)
		}
		by, err := taken(wanted)
		if err == nil && by != "" {
			err = fmt.Errorf("the addresses of cluster %q are in use on this machine: %s", name, by)
		}
		return wanted, err
	}
	for i := range network.MaxClusters {
		if _, used := users[i]; used {
			continue
		}
		by, err := taken(i)
		if err != nil {
			return 0, err
		}
		if by == "" {
			return i, nil
		}
	}
	return 0, fmt.Errorf("all %d address ranges for clusters are in use on this machine", network.MaxClusters)
}

// release removes a cluster from the list, and with the last one the list's directory.
func (m machine) release(name string) error {
	return m.change(func(all map[string]listing) error {
		delete(all, name)
		return nil
	})
}

// names lists the clusters in order.
func (m machine) names() ([]string, error) {
	all, err := m.list()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

var errLocked = errors.New("locked")

// lock takes an exclusive lock on a file, making it; it waits for it, or returns errLocked.
func lock(file string, wait bool) (unlock func(), err error) {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), how); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, errLocked
			}
			return nil, fmt.Errorf("lock %s: %w", file, err)
		}
		// The one who held it may have removed the file meanwhile.
		held, err := f.Stat()
		if now, statErr := os.Stat(file); err == nil && statErr == nil && os.SameFile(held, now) {
			return func() { f.Close() }, nil
		}
		f.Close()
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
