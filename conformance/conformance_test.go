package conformance

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etalon-dev/etalon/conformance/report"
	"github.com/etalon-dev/etalon/conformance/runner"
	"github.com/etalon-dev/etalon/spec"
)

func TestEveryBehaviourHasASpecAndEverySpecABehaviour(t *testing.T) {
	ids, err := declared()
	if err != nil {
		t.Fatal(err)
	}
	set, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range set.All() {
		if !slices.Contains(ids, b.ID) {
			t.Errorf("%s has no spec in conformance/%s", b.ID, b.Area())
		}
	}
}

func TestPick(t *testing.T) {
	ids := []string{"namespaces/initial", "pods/logs", "pods/logs-follow", "pods/phases"}
	for _, c := range []struct {
		focus, skip []string
		want        string // ids, or part of the error
	}{
		{nil, nil, "namespaces/initial pods/logs pods/logs-follow pods/phases"},
		{[]string{"pods"}, nil, "pods/logs pods/logs-follow pods/phases"},
		{[]string{"pods/logs"}, nil, "pods/logs"},
		{[]string{"pods/logs*"}, nil, "pods/logs pods/logs-follow"},
		{[]string{"namespaces", "pods/phases"}, nil, "namespaces/initial pods/phases"},
		{nil, []string{"pods"}, "namespaces/initial"},
		{[]string{"pods"}, []string{"pods/logs*"}, "pods/phases"},
		{[]string{"pod"}, nil, `no behaviour matches "pod"; did you mean pods`},
		{[]string{"pods/phase"}, nil, `did you mean pods/phases`},
		{nil, []string{"quantum"}, `no behaviour matches "quantum"; the areas are namespaces, pods`},
		{[]string{"pods"}, []string{"pods"}, "no behaviour is left"},
	} {
		picked, err := pick(ids, c.focus, c.skip)
		got := strings.Join(picked, " ")
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("focus %v, skip %v gives %q, want %q", c.focus, c.skip, got, c.want)
		}
	}
}

// execute runs `etalon conformance` with arguments.
func execute(t *testing.T, o Options, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := Command(o)
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors = true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func code(err error) int {
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return 1
	}
	return 0
}

func TestCommandWithoutACluster(t *testing.T) {
	broken := Options{Provision: func(context.Context) (string, func(), error) { return "", nil, errors.New("no root here") }}
	for _, c := range []struct {
		o    Options
		args string
		code int
		want string
	}{
		{Options{}, "--list --focus namespaces", 0, "namespaces/initial"},
		{Options{}, "--list --focus nonesuch", 2, "no behaviour matches"},
		{Options{}, "--dry-run --focus namespaces", 0, "PARTIAL: 0 of"},
		{Options{}, "--focus pods/phase", 2, "did you mean"},
		{Options{}, "--no-such-flag", 2, "unknown flag"},
		{Options{}, "pods", 2, "did you mean --focus pods?"},
		{Options{}, "--procs 0", 2, "--procs"},
		{Options{}, "--focus namespaces", 2, "which cluster?"},
		{Options{}, "--kubeconfig /no/such/file", 1, "kubeconfig"},
		{broken, "", 1, "no root here"},
	} {
		out, err := execute(t, c.o, strings.Fields(c.args)...)
		said := out
		if err != nil {
			said += err.Error()
		}
		if code(err) != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%q ends with %d, want %d, and %q in:\n%s", c.args, code(err), c.code, c.want, said)
		}
	}
}

func TestTheClusterIsTakenDownWhateverHappens(t *testing.T) {
	down := 0
	o := Options{Provision: func(context.Context) (string, func(), error) { return "/no/such/file", func() { down++ }, nil }}
	if _, err := execute(t, o, "--focus", "namespaces/initial"); err == nil || down != 1 {
		t.Errorf("error %v, taken down %d times; want an error and once", err, down)
	}
}

func TestVerdict(t *testing.T) {
	set, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	of := func(states ...runner.State) *report.Report {
		var outcomes []runner.Outcome
		for i, state := range states {
			outcomes = append(outcomes, runner.Outcome{ID: set.All()[i].ID, State: state})
		}
		return report.Make(set, outcomes, report.Implementation{}, "", time.Unix(0, 0), 0)
	}
	for _, c := range []struct {
		name string
		o    Options
		r    *report.Report
		err  error
		want int
	}{
		{"all passed", Options{}, of(runner.Passed, runner.Passed), nil, 0},
		{"skipped with a reason", Options{}, of(runner.Passed, runner.Skipped), nil, 0},
		{"one failed", Options{}, of(runner.Passed, runner.Failed), nil, 1},
		{"some did not run", Options{}, of(runner.Passed, runner.NotRun), nil, 1},
		{"a dry run", Options{DryRun: true}, of(runner.NotRun), nil, 0},
		{"a worker died", Options{}, of(runner.Passed), errors.New("worker 1 died"), 1},
		{"wrong usage", Options{}, nil, &ExitError{Code: 2}, 2},
	} {
		if got := code(verdict(c.o, c.r, c.err)); got != c.want {
			t.Errorf("%s ends with %d, want %d", c.name, got, c.want)
		}
	}
}
