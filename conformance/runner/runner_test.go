package runner_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etalon-dev/etalon/conformance/runner"
)

// workerEnv holds the server's address in a worker started by these tests: the test binary itself.
const workerEnv = "RUNNER_TEST_WORKER"

// extra is what the tests hand to their workers.
type extra struct{ Dir string }

var given extra

func TestMain(m *testing.M) {
	address, process, isWorker := strings.Cut(os.Getenv(workerEnv), " ")
	if !isWorker {
		os.Exit(m.Run())
	}
	n, _ := strconv.Atoi(process)
	if err := runner.Work(address, n, func(raw json.RawMessage) error { return json.Unmarshal(raw, &given) }); err != nil {
		println(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// A suite as small as it can be that comes out in every way there is.
var _ = Describe("fake", func() {
	It("fake/passes", func() {})
	It("fake/passes-too", func() {})
	It("fake/fails", func() { Expect(1).To(Equal(2), "one is two") })
	It("fake/skips", func() { Skip("needs nodes:9") })
	It("fake/panics", func() { panic("ouch") })
	It("fake/crashes", func() { println("last words"); os.Exit(7) })
	It("fake/hangs", func(ctx SpecContext) {
		DeferCleanup(func() { note("cleaned") })
		note("hanging")
		<-ctx.Done()
	})
	It("fake/serial-first", Serial, func() { note("serial") })
	It("fake/serial-second", Serial, func() { note("serial") })
	It("fake/passes-not-selected", func() { note("not selected") })
})

// note leaves a mark that the test in the parent process can read.
func note(text string) {
	f, err := os.OpenFile(filepath.Join(given.Dir, "notes"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	Expect(err).NotTo(HaveOccurred())
	defer f.Close()
	_, err = f.WriteString(text + "\n")
	Expect(err).NotTo(HaveOccurred())
}

func notes(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "notes"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

func options(t *testing.T, procs int, ids ...string) runner.Options {
	t.Helper()
	return runner.Options{
		IDs: ids, Procs: procs, Seed: 1, Grace: 20 * time.Second, Extra: extra{Dir: t.TempDir()},
		Command: func(address string, process int) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), workerEnv+"="+address+" "+strconv.Itoa(process))
			return cmd
		},
	}
}

func dirOf(o runner.Options) string { return o.Extra.(extra).Dir }

// states maps ids to how they came out.
func states(outcomes []runner.Outcome) map[string]runner.State {
	m := map[string]runner.State{}
	for _, o := range outcomes {
		m[o.ID] = o.State
	}
	return m
}

func find(t *testing.T, outcomes []runner.Outcome, id string) runner.Outcome {
	t.Helper()
	for _, o := range outcomes {
		if o.ID == id {
			return o
		}
	}
	t.Fatalf("no outcome of %s in %v", id, outcomes)
	return runner.Outcome{}
}

func TestEveryOutcomeIsCollected(t *testing.T) {
	for _, procs := range []int{1, 3} {
		t.Run(strconv.Itoa(procs), func(t *testing.T) {
			o := options(t, procs, "fake/passes", "fake/fails", "fake/skips", "fake/panics", "fake/serial-first", "fake/serial-second")
			var ended []string
			o.Progress = func(p runner.Progress) {
				if p.Ended != nil {
					ended = append(ended, p.Ended.ID)
				}
			}
			outcomes, err := runner.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]runner.State{
				"fake/passes": runner.Passed, "fake/fails": runner.Failed, "fake/skips": runner.Skipped,
				"fake/panics": runner.Failed, "fake/serial-first": runner.Passed, "fake/serial-second": runner.Passed,
			}
			for id, state := range want {
				if got := find(t, outcomes, id).State; got != state {
					t.Errorf("%s came out as %s, want %s", id, got, state)
				}
			}
			if len(outcomes) != len(want) || len(ended) != len(want) {
				t.Errorf("%d outcomes and %d told as they ended, want %d of each", len(outcomes), len(ended), len(want))
			}
			failed := find(t, outcomes, "fake/fails")
			if !strings.Contains(failed.Message, "one is two") || !strings.Contains(failed.Where, "runner_test.go:") {
				t.Errorf("the failure does not explain itself: %+v", failed)
			}
			if skipped := find(t, outcomes, "fake/skips"); skipped.Message != "needs nodes:9" {
				t.Errorf("the skip says %q, want the missing need", skipped.Message)
			}
			if panicked := find(t, outcomes, "fake/panics"); !strings.Contains(panicked.Message, "ouch") {
				t.Errorf("the panic is not told: %q", panicked.Message)
			}
			if got := notes(t, dirOf(o)); got != "serial\nserial\n" {
				t.Errorf("notes are %q, want each serial spec to have run once and no other", got)
			}
		})
	}
}

func TestACrashedWorkerFailsItsSpecAndNoOther(t *testing.T) {
	outcomes, err := runner.Run(t.Context(), options(t, 2, "fake/crashes", "fake/passes", "fake/passes-too"))
	if err == nil {
		t.Error("the run does not say that a worker died")
	}
	crashed := find(t, outcomes, "fake/crashes")
	if crashed.State != runner.Failed || !strings.Contains(crashed.Message, "exit status 7") || !strings.Contains(crashed.Message, "last words") {
		t.Errorf("the crash came out as %+v, want failed, with status and last output", crashed)
	}
	for id, state := range states(outcomes) {
		if id != "fake/crashes" && state != runner.Passed {
			t.Errorf("%s came out as %s, want it run by the worker that is left", id, state)
		}
	}
}

func TestWhatACrashLeavesUndoneIsNotRun(t *testing.T) {
	o := options(t, 1, "fake/crashes", "fake/serial-first")
	outcomes, err := runner.Run(t.Context(), o)
	if err == nil {
		t.Error("the run does not say that its only worker died")
	}
	if got := find(t, outcomes, "fake/serial-first"); got.State != runner.NotRun || got.Message == "" {
		t.Errorf("the spec after the crash came out as %+v, want not run, with a reason", got)
	}
}

func TestInterruptCleansUp(t *testing.T) {
	o := options(t, 2, "fake/hangs", "fake/passes")
	ctx, interrupt := context.WithCancel(t.Context())
	o.Progress = func(p runner.Progress) {
		if p.Began == "fake/hangs" {
			interrupt()
		}
	}
	outcomes, err := runner.Run(ctx, o)
	if err != nil {
		t.Error(err)
	}
	if got := find(t, outcomes, "fake/hangs"); got.State != runner.NotRun {
		t.Errorf("the interrupted spec came out as %+v, want not run", got)
	}
	if got := notes(t, dirOf(o)); got != "hanging\ncleaned\n" && got != "" {
		t.Errorf("notes are %q, want the interrupted spec cleaned up", got)
	}
}

func TestTimeoutIsToldApart(t *testing.T) {
	o := options(t, 1, "fake/hangs", "fake/serial-first")
	o.Timeout = 3 * time.Second
	outcomes, err := runner.Run(t.Context(), o)
	if err != nil {
		t.Error(err)
	}
	if got := find(t, outcomes, "fake/serial-first"); got.State != runner.NotRun {
		t.Errorf("the spec after the end came out as %+v, want not run", got)
	}
}

func TestFailFast(t *testing.T) {
	o := options(t, 1, "fake/fails", "fake/serial-first")
	o.FailFast = true
	outcomes, err := runner.Run(t.Context(), o)
	if err != nil {
		t.Error(err)
	}
	if got := states(outcomes); got["fake/fails"] != runner.Failed || got["fake/serial-first"] != runner.NotRun {
		t.Errorf("came out as %v, want the first failed and the second not run", got)
	}
}

func TestAWorkerThatCannotStartIsAnError(t *testing.T) {
	o := options(t, 2, "fake/passes")
	o.Command = func(string, int) *exec.Cmd { return exec.Command("/no/such/program") }
	outcomes, err := runner.Run(t.Context(), o)
	if err == nil || find(t, outcomes, "fake/passes").State != runner.NotRun {
		t.Errorf("outcomes %v, error %v; want an error and nothing passed", outcomes, err)
	}
}
