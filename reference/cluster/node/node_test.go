package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/etalon-dev/etalon/reference/cluster/cgroup"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/network"
)

// launched builds the supervisor and makes a node of it that runs script; the test's end removes all.
func launched(t *testing.T, script string) Node {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to make namespaces")
	}
	groups, err := cgroup.Detect()
	if err != nil {
		t.Skip("needs control groups: " + err.Error())
	}
	programs := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(programs, "etalon-init"), "../init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build etalon-init: %v\n%s", err, out)
	}
	plan := network.Plan{Cluster: fmt.Sprintf("test-%d", os.Getpid()), Index: network.MaxClusters - 1}
	if taken, err := plan.InUse(); err != nil || taken != "" {
		t.Skipf("needs the addresses of the last cluster: %s %v", taken, err)
	}
	if err := plan.Up(); err != nil {
		t.Fatal(err)
	}
	n := Node{Plan: plan, Number: 1, All: []int{1, 2}, Dir: filepath.Join(t.TempDir(), "node-1"), Programs: programs, ID: uuid.NewString()}
	n.Processes = []spec.Process{{Name: "script", Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(n.Dir, "logs", "script.log")}}
	t.Cleanup(func() {
		if err := n.Cut(context.Background()); err != nil {
			t.Error(err)
		}
		groups.RemoveEmpty(Group(plan.Cluster))
		groups.RemoveEmpty(Root)
		if err := plan.Down(); err != nil {
			t.Error(err)
		}
	})
	if err := n.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits until the node's script has written want into file on its own disk.
func eventually(t *testing.T, n Node, file, want string) {
	t.Helper()
	var got []byte
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if got, _ = os.ReadFile(filepath.Join(n.Dir, file)); strings.Contains(string(got), want) {
			return
		}
	}
	log, _ := os.ReadFile(n.LogFile())
	script, _ := os.ReadFile(filepath.Join(n.Dir, "logs", "script.log"))
	t.Fatalf("%s has %q, want %q\nsupervisor: %s\nscript: %s", file, got, want, log, script)
}

func TestANodeHasItsOwnNameProcessesNetworkGroupsAndDisk(t *testing.T) {
	n := launched(t, `{ hostname; cat /proc/1/cmdline | tr '\0' ' '; echo; cat /etc/hosts; cat /proc/sys/net/ipv4/ip_forward
		grep -c . /proc/self/cgroup; sed 's/.*:/group /' /proc/self/cgroup | sort -u; ls /run; touch /usr/x; echo status $?; } > /var/seen 2>&1
		echo here > /tmp/mine; echo done > /var/done; exec sleep 1000`)
	eventually(t, n, "var/done", "done")
	seen, err := os.ReadFile(filepath.Join(n.Dir, "var/seen"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"node-1\n", "etalon-init " + n.SpecFile(), "10.89.11.11\tnode-1", "group /", "Read-only file system"} {
		if !strings.Contains(string(seen), want) {
			t.Errorf("the node does not see %q, but\n%s", want, seen)
		}
	}
	if strings.Contains(string(seen), "etalon/") {
		t.Errorf("the node sees the machine's control groups:\n%s", seen)
	}
	if _, err := os.Stat("/tmp/mine"); err == nil {
		t.Error("the node's /tmp is the machine's")
	}
	if err := exec.Command("ping", "-c1", "-W2", n.Plan.Node(1).Addr().String()).Run(); err != nil {
		if _, missing := exec.LookPath("ping"); missing == nil {
			t.Errorf("the machine does not reach the node: %v", err)
		}
	}
}

func TestANodeComesBackWithItsDiskAfterAPowerCut(t *testing.T) {
	n := launched(t, `echo life >> /var/lives; date +%N >> /run/marks; grep -c . /run/marks > /var/run-is-new; sleep 1000 & exec sleep 1000`)
	eventually(t, n, "var/run-is-new", "1")
	for life := 2; life <= 3; life++ {
		running, err := n.Find()
		if err != nil || running == nil {
			t.Fatalf("the node does not run: %v", err)
		}
		if err := running.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		running.Close()
		if err := os.Remove(filepath.Join(n.Dir, "var/run-is-new")); err != nil {
			t.Fatal(err)
		}
		if err := n.Launch(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, n, "var/run-is-new", "1")
		eventually(t, n, "var/lives", strings.Repeat("life\n", life))
	}
}

func TestTheSupervisorRestartsWhatEndsInANode(t *testing.T) {
	n := launched(t, `echo life >> /var/lives; exit 3`)
	eventually(t, n, "var/lives", "life\nlife\nlife\n")
	state, err := spec.LoadState(n.StateFile())
	if err != nil || len(state.Processes) != 1 || state.Processes[0].LastExit != "exit status 3" {
		t.Errorf("state: %+v, %v; want one process that ended with status 3", state, err)
	}
}
