package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

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
	err := failed("2 nodes", "", failed("node-1", "", &processError{"kubelet has ended", log}))
	if got := err.Error(); !strings.HasPrefix(got, "2 nodes: node-1: kubelet has ended\nThe last lines of "+log) || strings.Count(got, "last words") != 1 {
		t.Error(got)
	}
	if failed("x", log, nil) != nil {
		t.Error("a step that went well has failed")
	}
}
