package report_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/etalon-dev/etalon/conformance/report"
	"github.com/etalon-dev/etalon/conformance/runner"
	"github.com/etalon-dev/etalon/spec"
)

func load(t *testing.T) *spec.Set {
	t.Helper()
	set, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func sample(t *testing.T) *report.Report {
	t.Helper()
	return report.Make(load(t), []runner.Outcome{
		{ID: "namespaces/initial", State: runner.Passed, Duration: 1500 * time.Millisecond},
		{ID: "pods/phases", State: runner.Failed, Duration: time.Second, Message: "wanted <this> & that\nsaw none", Where: "conformance/pods/phases.go:12", Details: "events: none"},
		{ID: "pods/cross-node", State: runner.Skipped, Message: "needs nodes:2: the cluster has 1"},
		{ID: "pods/restart-always", State: runner.NotRun, Message: "the run was interrupted before"},
	}, report.Implementation{Version: "v1.37.2", Nodes: 1}, "v0", time.Unix(0, 0), 3*time.Second)
}

func TestResultIsSuccessOnlyWhenAllPassed(t *testing.T) {
	ids := []string{}
	for _, b := range load(t).All() {
		ids = append(ids, b.ID)
	}
	rapid.Check(t, func(rt *rapid.T) {
		states := rapid.SliceOfN(rapid.SampledFrom([]runner.State{runner.Passed, runner.Failed, runner.Skipped, runner.NotRun}), 1, len(ids)).Draw(rt, "states")
		var outcomes []runner.Outcome
		count := map[runner.State]int{}
		for i, state := range states {
			outcomes = append(outcomes, runner.Outcome{ID: ids[i], State: state})
			count[state]++
		}
		r := report.Make(load(t), outcomes, report.Implementation{}, "", time.Now(), 0)
		want := report.Success
		switch {
		case count[runner.Failed] > 0:
			want = report.Failure
		case count[runner.Passed] < len(states):
			want = report.Partial
		}
		if r.Result != want {
			rt.Errorf("%v gives %s, want %s", states, r.Result, want)
		}
		if got := r.Statistics(); got.Total() != len(states) || got.Passed != count[runner.Passed] || got.NotRun != count[runner.NotRun] {
			rt.Errorf("%v counts as %+v", states, got)
		}
	})
}

func TestTerminalTellsWhatAndWhy(t *testing.T) {
	var b strings.Builder
	if err := sample(t).Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{
		"✗ pods/phases", "conformance/pods/phases.go:12", "    wanted <this> & that\n    saw none", "events: none",
		"--focus pods/phases", "needs nodes:2: the cluster has 1\n    pods/cross-node", "Not run:\n  the run was interrupted before",
		"FAILURE: 1 of 4 behaviours passed on Kubernetes v1.37.2 in 3s",
	} {
		if !strings.Contains(b.String(), wanted) {
			t.Errorf("the text lacks %q:\n%s", wanted, b.String())
		}
	}
}

func TestFilesCanBeReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "reports")
	r := sample(t)
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var full, brief report.Report
	if err := json.Unmarshal(read("report.json"), &full); err != nil {
		t.Error(err)
	}
	if err := yaml.UnmarshalStrict(read("report.yaml"), &brief); err != nil {
		t.Error(err)
	}
	if len(full.Areas) != 2 || len(full.Areas[1].Behaviours) != 3 || full.Areas[1].Behaviours[0].Details != "events: none" {
		t.Errorf("report.json lost something: %+v", full.Areas)
	}
	if brief.Kind != "ConformanceReport" || brief.Result != report.Failure || brief.Profiles[0].Failed[0].ID != "pods/phases" || brief.Profiles[0].Skipped[0].Reason == "" {
		t.Errorf("report.yaml lost something: %+v", brief)
	}
	var junit struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Skipped int `xml:"skipped,attr"`
			Cases   []struct {
				Failure string `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(read("junit.xml"), &junit); err != nil {
		t.Fatal(err)
	}
	if junit.Tests != 4 || junit.Failures != 1 || junit.Suites[1].Skipped != 2 || !strings.Contains(junit.Suites[1].Cases[0].Failure, "wanted <this> & that") {
		t.Errorf("junit.xml lost something: %+v", junit)
	}
}
