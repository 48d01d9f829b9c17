package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/network"
)

func free(int) (string, error) { return "", nil }

func TestWrongOptionsGetOneClearLine(t *testing.T) {
	for want, o := range map[string]Options{
		`cluster name "A_b": `: {Name: "A_b"},
		"-1 nodes":             {Nodes: -1},
		"201 nodes":            {Nodes: 201},
		"port 70000":           {Port: 70000},
		`no part "etcd"`:       {Without: []string{"etcd"}},
		"data directory /run/": {DataDir: "/run/x"},
		"at most 80":           {DataDir: "/" + strings.Repeat("x", 90)},
	} {
		_, err := o.complete()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v; want %q", o, err, want)
		}
	}
}

func TestOptionsHaveDefaults(t *testing.T) {
	o, err := Options{}.complete()
	if err != nil || o.Name != "etalon" || o.DataDir != "/var/lib/etalon/etalon" || o.Timeout != 2*time.Minute || o.Programs == "" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestADataDirectoryBelongsToOneCluster(t *testing.T) {
	dir := t.TempDir()
	if err := checkDataDir(dir, "a"); err != nil {
		t.Errorf("an empty one: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkDataDir(dir, "a"); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("one with another's files: %v", err)
	}
	if err := (&Cluster{Name: "a", DataDir: dir}).save(); err != nil {
		t.Fatal(err)
	}
	if err := checkDataDir(dir, "a"); err != nil {
		t.Errorf("its own: %v", err)
	}
	if err := checkDataDir(dir, "b"); err == nil || !strings.Contains(err.Error(), `belongs to the cluster "a"`) {
		t.Errorf("another cluster's: %v", err)
	}
}

func TestMadeDirectoriesAreRemovedUnlessUsed(t *testing.T) {
	top := t.TempDir()
	made, err := makeDirs(filepath.Join(top, "a/b/c"))
	if err != nil || len(made) != 3 {
		t.Fatalf("made %v, %v", made, err)
	}
	if err := os.WriteFile(filepath.Join(top, "a/x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	removeDirs(made)
	if exists(filepath.Join(top, "a/b")) || !exists(filepath.Join(top, "a/x")) {
		t.Error("what is empty is to go, what is not to stay")
	}
	if _, err := makeDirs(filepath.Join(top, "a/x/y")); err == nil {
		t.Error("a directory is made in a file")
	}
}

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

func TestAPortInUseIsSaidOrPassedOver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	if _, err := choosePort(taken, 0, "127.0.0.1"); err == nil || err.Error() != fmt.Sprintf("port %d on 127.0.0.1: address already in use", taken) {
		t.Errorf("a port that is in use: %v", err)
	}
	if port, err := choosePort(0, 20000, "127.0.0.1"); err != nil || (port-20000)%network.MaxClusters != 0 {
		t.Errorf("a port of our own: %d, %v", port, err)
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

func TestPartsLeftOutAreNotStarted(t *testing.T) {
	names := func(c *Cluster) (all []string) {
		for _, p := range append(c.controlPlane(), c.nodeProcesses(c.node(1))...) {
			all = append(all, p.Name)
		}
		return all
	}
	c := &Cluster{Name: "x", DataDir: "/d", Nodes: 1}
	if got, want := names(c), []string{"apiserver", "registry", "controllers", "scheduler", "containerd", "kubelet", "proxy"}; !reflect.DeepEqual(got, want) {
		t.Errorf("all parts: %v", got)
	}
	c.Without = Parts
	if got, want := names(c), []string{"apiserver", "registry", "containerd"}; !reflect.DeepEqual(got, want) {
		t.Errorf("without %v: %v", Parts, got)
	}
}

func TestExternalEtcdTakesThePlaceOfTheEmbeddedOne(t *testing.T) {
	arguments := func(c *Cluster) string { return strings.Join(c.controlPlane()[0].Args, " ") }
	if got := arguments(&Cluster{DataDir: "/d"}); !strings.Contains(got, "--etcd-dir /d/etcd --fsync=true") {
		t.Errorf("embedded: %s", got)
	}
	got := arguments(&Cluster{DataDir: "/d", EtcdServers: []string{"http://a", "http://b"}})
	if !strings.Contains(got, "--etcd-servers http://a --etcd-servers http://b") || strings.Contains(got, "--etcd-dir") {
		t.Errorf("external: %s", got)
	}
}

func TestLogsAreFoundByComponentAndNode(t *testing.T) {
	c := &Cluster{DataDir: "/d", Nodes: 2}
	for _, test := range []struct{ component, node, file, problem string }{
		{"apiserver", "", "/d/logs/apiserver.log", ""},
		{"kubelet", "node-2", "/d/nodes/node-2/logs/kubelet.log", ""},
		{"kubelet", "", "", "which of 2"},
		{"kubelet", "node-3", "", `no node "node-3"`},
		{"apiserver", "node-1", "", "runs on no node"},
		{"kernel", "", "", `no component "kernel"`},
	} {
		file, err := c.log(test.component, test.node)
		if file != test.file || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s on %q: %q, %v", test.component, test.node, file, err)
		}
	}
}

func TestWaitingEndsEarlyWhenAProcessFailsAgainAndAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	restarts := 7 // of an earlier time; they do not count
	broken := failing(file, "apiserver", "/d/log")
	never := func(context.Context) error { return errNotYet("not yet") }
	look := func() error {
		if err := spec.Save(file, spec.State{Processes: []spec.ProcessState{{Name: "apiserver", Restarts: restarts, LastExit: "exit status 1"}}}); err != nil {
			t.Fatal(err)
		}
		restarts++
		return broken()
	}
	err := until(t.Context(), never, look)
	var process *processError
	if !errors.As(err, &process) || process.Error() != "apiserver has ended 5 times (exit status 1)" {
		t.Errorf("waiting ends with %v", err)
	}
}

func TestAFailedStepShowsTheEndOfTheLogOnce(t *testing.T) {
	log := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(log, []byte("one\ntwo\nlast words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := failed("2 nodes ready", "", failed("node-1", "", &processError{"kubelet has ended", log}))
	if got := err.Error(); !strings.HasPrefix(got, "2 nodes ready: node-1: kubelet has ended; the end of "+log) || strings.Count(got, "last words") != 1 {
		t.Error(got)
	}
	if failed("x", log, nil) != nil {
		t.Error("a step that went well has failed")
	}
}
