package cluster

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

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

func TestPartsLeftOutAreNotStarted(t *testing.T) {
	names := func(c *Cluster) (all []string) {
		for _, p := range append(c.controlPlane(), c.nodeProcesses(c.node(1))...) {
			all = append(all, p.Name)
		}
		return all
	}
	c := &Cluster{Name: "x", DataDir: "/d", Members: Members{Nodes: 1}}
	if got, want := names(c), []string{"apiserver", "registry", "controllers", "scheduler", "containerd", "proxy", "kubelet"}; !reflect.DeepEqual(got, want) {
		t.Errorf("all parts: %v", got)
	}
	c.Without = Parts
	if got, want := names(c), []string{"apiserver", "registry", "containerd"}; !reflect.DeepEqual(got, want) {
		t.Errorf("without %v: %v", Parts, got)
	}
}

func TestControllersGetMoreArguments(t *testing.T) {
	c := &Cluster{DataDir: "/d", ControllersArgs: []string{"--node-monitor-grace-period=10s", "--node-eviction-rate=1"}}
	for _, p := range c.controlPlane() {
		got := strings.Join(p.Args, " ")
		if given := strings.HasSuffix(got, " --node-monitor-grace-period=10s --node-eviction-rate=1"); given != (p.Name == "controllers") {
			t.Errorf("%s is given %s", p.Name, got)
		}
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

func TestNodesKeepTheirKubeletConfiguration(t *testing.T) {
	given := filepath.Join(t.TempDir(), "config.yaml")
	text := "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 30\n"
	if err := os.WriteFile(given, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Name: "a", DataDir: t.TempDir()}
	for _, file := range []string{given, ""} { // the second `up` names none
		if err := c.keepKubeletConfig(file); err != nil {
			t.Fatal(err)
		}
		if kept, err := os.ReadFile(c.path(kubeletConfig)); err != nil || string(kept) != text {
			t.Errorf("given %q: kept %q, %v", file, kept, err)
		}
	}
	if !slices.Contains(entries, kubeletConfig) {
		t.Error("it stays when the cluster is taken down")
	}
}
