package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

// The test's own binary stands in for etalon-init.
func TestMain(m *testing.M) {
	if os.Getenv("ETALON_INIT_TEST") == "" {
		os.Exit(m.Run())
	}
	main()
}

// supervised starts a supervisor of shell scripts, by name, in order.
func supervised(t *testing.T, scripts ...[2]string) (dir string, cmd *exec.Cmd) {
	t.Helper()
	dir = t.TempDir()
	s := spec.Spec{StateFile: filepath.Join(dir, "state")}
	for _, script := range scripts {
		s.Processes = append(s.Processes, spec.Process{Name: script[0], Path: "/bin/sh", Args: []string{"-c", "cd " + dir + "\n" + script[1]},
			Log: filepath.Join(dir, script[0]+".log"), StopSeconds: 1})
	}
	file := filepath.Join(dir, "spec.json")
	if err := spec.Save(file, s); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(os.Args[0], file, "id")
	cmd.Env = append(os.Environ(), "ETALON_INIT_TEST=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return dir, cmd
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func content(dir, file string) string {
	b, _ := os.ReadFile(filepath.Join(dir, file))
	return string(b)
}

func TestWhatEndsIsStartedAgainAndItsOutputKept(t *testing.T) {
	dir, _ := supervised(t, [2]string{"a", "echo hello; exit 3"})
	eventually(t, "three lives", func() bool { return strings.Count(content(dir, "a.log"), "hello\n") >= 3 })
	state, err := spec.LoadState(filepath.Join(dir, "state"))
	if err != nil || state.Processes[0].Restarts < 1 || state.Processes[0].LastExit != "exit status 3" {
		t.Errorf("state %+v, %v", state, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "a.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log has mode %v, %v", info.Mode(), err)
	}
}

func TestSIGTERMStopsAllInReverseOrderAndKillsTheDeaf(t *testing.T) {
	onTerm := func(name string) string {
		return "trap 'echo " + name + " >> order; exit' TERM; echo up > " + name + ".up; while :; do sleep 0.01; done"
	}
	dir, cmd := supervised(t, [2]string{"a", onTerm("a")}, [2]string{"deaf", "trap '' TERM; echo up > deaf.up; while :; do sleep 0.01; done"}, [2]string{"b", onTerm("b")})
	eventually(t, "all up", func() bool {
		return content(dir, "a.up") != "" && content(dir, "b.up") != "" && content(dir, "deaf.up") != ""
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the supervisor ends with %v", err)
	}
	if got := content(dir, "order"); got != "b\na\n" {
		t.Errorf("stopped in the order %q, want b before a", got)
	}
}

func TestChildrenDieWithTheSupervisor(t *testing.T) {
	dir, cmd := supervised(t, [2]string{"a", "echo $$ > pid; exec sleep 1000"})
	eventually(t, "it runs", func() bool { return strings.HasSuffix(content(dir, "pid"), "\n") })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func() bool {
		line, err := os.ReadFile("/proc/" + strings.TrimSpace(content(dir, "pid")) + "/cmdline")
		return err != nil || !strings.Contains(string(line), "sleep")
	})
}

func TestBackoffDoublesUpToItsLimitUntilARunIsSteady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wait := time.Duration(0)
		for range rapid.IntRange(1, 20).Draw(t, "ends") {
			ran := time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second
			next := backoff(wait, ran)
			switch {
			case next < firstWait || next > longWait:
				t.Fatalf("waits %v", next)
			case ran >= steady && next != firstWait:
				t.Fatalf("after a steady run it waits %v", next)
			case ran < steady && wait > 0 && next != min(2*wait, longWait):
				t.Fatalf("after %v it waits %v", wait, next)
			}
			wait = next
		}
	})
}

func TestBadInputIsOneLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	for _, text := range []string{"", "{", `{"processes":[{"name":"a"}]}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run([]string{file}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if run(nil) == nil {
		t.Error("no argument is accepted")
	}
}

// A process with a stop signal of its own gets that, though it only begins to listen after the first.
func TestAStopSignalIsRepeatedUntilItIsHeard(t *testing.T) {
	dir := t.TempDir()
	s := spec.Spec{Processes: []spec.Process{{Name: "slow", Path: "/bin/sh", StopSignal: int(syscall.SIGUSR1), StopSeconds: 20, Args: []string{"-c",
		"cd " + dir + "; trap '' USR1; echo up > up; sleep 1; trap 'echo heard > heard; exit' USR1; while :; do sleep 0.01; done"}}}}
	file := filepath.Join(dir, "spec.json")
	if err := spec.Save(file, s); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], file, "id")
	cmd.Env, cmd.Stderr = append(os.Environ(), "ETALON_INIT_TEST=1"), os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	eventually(t, "it is up", func() bool { return content(dir, "up") != "" })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || content(dir, "heard") != "heard\n" {
		t.Errorf("the supervisor ends with %v, and the process heard %q", err, content(dir, "heard"))
	}
}
