package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/network"
)

func free(int) (string, error) { return "", nil }

func TestClustersAtOnceGetAddressesOfTheirOwn(t *testing.T) {
	m, data := machine{filepath.Join(t.TempDir(), "run")}, t.TempDir()
	var mu sync.Mutex
	got := map[int]string{}
	var all sync.WaitGroup
	for i := range network.MaxClusters {
		all.Add(1)
		go func() {
			defer all.Done()
			name := fmt.Sprintf("c%d", i)
			dir := filepath.Join(data, name)
			if err := errors.Join(os.Mkdir(dir, 0o700), (&Cluster{Name: name, DataDir: dir}).save()); err != nil {
				t.Error(err)
			}
			index, err := m.claim(name, dir, -1, free)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if other, taken := got[index]; taken {
				t.Errorf("%s and %s both have index %d", name, other, index)
			}
			got[index] = name
		}()
	}
	all.Wait()
	if _, err := m.claim("more", filepath.Join(data, "more"), -1, free); err == nil {
		t.Error("there is room for one more than there are addresses")
	}
	for _, name := range got {
		if err := m.release(name); err != nil {
			t.Error(err)
		}
	}
	if exists(m.dir) {
		t.Error("the last cluster leaves the list behind")
	}
}

func TestReleasesAndClaimsAtOnceLoseNothing(t *testing.T) {
	m, data := machine{filepath.Join(t.TempDir(), "run")}, t.TempDir()
	var all sync.WaitGroup
	for i := range 6 {
		name := fmt.Sprintf("c%d", i)
		dir := filepath.Join(data, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), (&Cluster{Name: name, DataDir: dir}).save()); err != nil {
			t.Fatal(err)
		}
		all.Add(1)
		go func() {
			defer all.Done()
			for range 20 {
				if _, err := m.claim(name, dir, -1, free); err != nil {
					t.Error(err)
				}
				if list, err := m.list(); err != nil || list[name].DataDir != dir {
					t.Errorf("%s is not in the list %v, %v", name, list, err)
				}
				if err := m.release(name); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	if exists(m.dir) {
		t.Error("the list is left behind")
	}
}

func TestAnIndexIsChosenOnceAndKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := map[string]listing{}
		for _, index := range rapid.SliceOfDistinct(rapid.IntRange(0, network.MaxClusters-1), rapid.ID[int]).Draw(t, "others") {
			all[fmt.Sprint("other", index)] = listing{Index: index}
		}
		busy := rapid.IntRange(-1, network.MaxClusters-1).Draw(t, "busy")
		wanted := rapid.IntRange(-1, network.MaxClusters-1).Draw(t, "wanted")
		index, err := choose(all, "me", wanted, func(i int) (string, error) {
			if i == busy {
				return "someone", nil
			}
			return "", nil
		})
		if err != nil {
			_, used := all[fmt.Sprint("other", wanted)]
			if wanted >= 0 && !used && wanted != busy {
				t.Fatalf("index %d is free and refused: %v", wanted, err)
			}
			return
		}
		if _, used := all[fmt.Sprint("other", index)]; used || index == busy || wanted >= 0 && index != wanted {
			t.Fatalf("chose %d, with %v used, %d busy, %d wanted", index, all, busy, wanted)
		}
	})
}

func TestANameHasOneDataDirectory(t *testing.T) {
	m, a, b := machine{filepath.Join(t.TempDir(), "run")}, t.TempDir(), t.TempDir()
	if err := (&Cluster{Name: "x", DataDir: a}).save(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.claim("x", a, -1, free); err != nil {
		t.Fatal(err)
	}
	if _, err := m.claim("x", b, -1, free); err == nil || !strings.Contains(err.Error(), a) {
		t.Errorf("the same name elsewhere: %v; want it to name %s", err, a)
	}
	if err := os.Remove(filepath.Join(a, recordFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.claim("x", b, -1, free); err != nil {
		t.Errorf("after its data is gone: %v", err)
	}
}

func TestALockIsHeldByOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(file, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(file, false); !errors.Is(err, errLocked) {
		t.Errorf("a second lock: %v", err)
	}
	unlock()
	unlock, err = lock(file, false)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
