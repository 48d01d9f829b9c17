package controllers

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster"
)

// The minimum of each change of a Deployment, as one counts by hand.
func TestMinimum(t *testing.T) {
	for name, c := range map[string]struct {
		needs []need
		want  int
	}{
		"create 3":              {createNeeds(3), 1 + 1 + 1 + 1 + 1 + 3*3},
		"roll out 3":            {rolloutNeeds(3), 2 + 1 + 5 + 6 + 3 + 3*3 + 3*3},
		"scale by 2":            {scaleNeeds(2), 4 + 3*2},
		"delete 5":              {deleteNeeds(5), 1 + 2 + 3*5},
		"roll out a single one": {rolloutNeeds(1), 2 + 1 + 1 + 2 + 1 + 3 + 3},
	} {
		if got := total(c.needs); got != c.want {
			t.Errorf("%s: %d, wanted %d", name, got, c.want)
		}
	}
}

func TestRowsSetWritesBesideNeeds(t *testing.T) {
	p := Phase{Minimum: 2, Needs: []need{{"write", "pods/status", 1, ""}, {"create", "pods", 1, ""}}, calls: calls{
		{"nodes", "patch", "pods/status"}: 1, {"controllers", "update", "pods/status"}: 2, {"controllers", "update", "deployments"}: 1,
		{"controllers", "create", "events"}: 5, {"client", "get", "pods"}: 7,
	}}
	p.sum()
	if p.Writes != 4 || p.Events != 5 || p.Reads != 7 || p.Ratio != 2 {
		t.Errorf("got %+v", p)
	}
	want := []row{{"write", "deployments", "controllers", 1, 0}, {"create", "pods", "", 0, 1}, {"write", "pods/status", "nodes, controllers", 3, 1}}
	if got := p.rows(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"--objects":   func(o *Options) { o.Objects = 0 },
		"--rest":      func(o *Options) { o.Rest = 0 },
		"--audit-log": func(o *Options) { o.Kubeconfig = "x" },
		"do not fit":  func(o *Options) { o.Nodes = 10 },
	} {
		o := DefaultOptions()
		change(&o)
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, wanted an error about %s", err, want)
		}
	}
	if err := DefaultOptions().validate(); err != nil {
		t.Error(err)
	}
}

// A small run of everything, on a cluster of the programs of `make build`.
func TestRun(t *testing.T) {
	programs, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(programs, "etalon")); err != nil || os.Getuid() != 0 {
		t.Skip("needs root, and the programs of `make build`")
	}
	o := Options{Objects: 3, Replicas: 2, More: 1, Nodes: 2, Clients: 2, Rest: time.Second, Timeout: 2 * time.Minute, Progress: io.Discard}
	o.up = cluster.Options{Programs: programs, DataDir: filepath.Join(t.TempDir(), "c")}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Phases) != 4 || report.PlainPerSecond <= 0 || report.Rest.Took == 0 || report.Rest.Memory["controllers"] == 0 {
		t.Errorf("got %+v", report)
	}
	for _, p := range report.Phases {
		// What is needed is done, by whoever; and nothing is far more often.
		if p.Writes < p.Minimum || p.Ratio > 3 {
			t.Errorf("%s: %d writes, needed %d", p.Name, p.Writes, p.Minimum)
		}
		for _, r := range p.rows() {
			if r.resource == "pods" && r.verb == "create" && r.count != r.needed*o.Objects {
				t.Errorf("%s: %d pods were created, wanted %d", p.Name, r.count, r.needed*o.Objects)
			}
		}
	}
	var table, file bytes.Buffer
	if err := report.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"RATIO", "roll out", "replicasets/status", "of a core"} {
		if !strings.Contains(table.String(), word) {
			t.Errorf("no %q in the table:\n%s", word, &table)
		}
	}
	if err := report.WriteJSON(&file); err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(file.Bytes(), &again); err != nil || len(again.Phases) != 4 || len(again.Phases[0].Calls) == 0 || again.Phases[0].Calls[0].Count == 0 {
		t.Errorf("JSON is read back as %+v, %v", again, err)
	}
}
