package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyTheWholeCommandLineMakesASupervisor(t *testing.T) {
	line := func(args ...string) []byte { return []byte(strings.Join(args, "\x00") + "\x00") }
	for _, c := range []struct {
		cmdline []byte
		want    bool
	}{
		{line("/x/bin/etalon-init", "/d/a.json", "id"), true},
		{line("etalon-init", "/d/a.json", "id"), true},
		{line("etalon-init", "/d/a.json", "other"), false},
		{line("etalon-init", "/d/a.jso", "id"), false},
		{line("vim", "/d/a.json", "id"), false},
		{line("etalon-init", "/d/a.json"), false},
		{line("etalon-init", "/d/a.json", "id", "more"), false},
		{nil, false},
	} {
		if got := isSupervisor(c.cmdline, "/d/a.json", "id"); got != c.want {
			t.Errorf("%q: %v", c.cmdline, got)
		}
	}
}

func TestASupervisorIsFoundKilledAndGone(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "a.json")
	// A shell under the supervisor's name: it takes the file as its script, and waits for input.
	cmd := exec.Command("/bin/sh")
	cmd.Args = []string{"/bin/" + Init, spec, "id"}
	if err := os.WriteFile(spec, []byte("read never\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
	h, err := Find(spec, "id")
	if err != nil || h == nil {
		t.Fatalf("found %v, %v", h, err)
	}
	defer h.Close()
	if other, _ := Find(spec, "another"); other != nil {
		t.Errorf("the supervisor of another cluster is %d", other.Pid)
	}
	if h.Pid != cmd.Process.Pid || !h.Alive() {
		t.Errorf("found process %d, alive %v; want %d", h.Pid, h.Alive(), cmd.Process.Pid)
	}
	if err := h.Kill(context.Background()); err != nil || h.Alive() {
		t.Errorf("killed: %v, alive %v", err, h.Alive())
	}
	if again, _ := Find(spec, "id"); again != nil {
		t.Errorf("still found as %d", again.Pid)
	}
}
