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

// The minimum of each change, as one counts by hand.
func TestMinimum(t *testing.T) {
	for name, c := range map[string]struct {
		needs []need
		want  int
	}{
		"create a Deployment of 3":            {deploymentCreated(3), 1 + 1 + 1 + 1 + 1 + 3*3},
		"roll out a Deployment of 3":          {deploymentRolledOut(3), 2 + 1 + 5 + 6 + 3 + 3*3 + 3*3},
		"roll out a Deployment of 1":          {deploymentRolledOut(1), 2 + 1 + 1 + 2 + 1 + 3 + 3},
		"scale a Deployment by 2":             {deploymentScaled(2), 4 + 3*2},
		"delete a Deployment of 5":            {deploymentDeleted(5), 1 + 2 + 3*5},
		"create a ReplicaSet of 3":            {replicaSetCreated(3), 1 + 1 + 3*3},
		"scale a ReplicaSet up by 2":          {replicaSetScaledUp(2), 1 + 1 + 3*2},
		"scale a ReplicaSet down by 2":        {replicaSetScaledDown(2), 1 + 1 + 3*2},
		"delete a ReplicaSet of 3":            {replicaSetDeleted(3), 1 + 3*3},
		"create a StatefulSet of 3":           {statefulSetCreated(3), 1 + 1 + 3 + 3*3},
		"roll out a StatefulSet of 3":         {statefulSetRolledOut(3), 1 + 1 + 3 + 3*3 + 3*3},
		"scale a StatefulSet by 2":            {statefulSetScaled(2), 1 + 2 + 3*2},
		"delete a StatefulSet of 5":           {statefulSetDeleted(5), 1 + 2 + 3*5},
		"create a DaemonSet of 3":             {daemonSetCreated(3), 1 + 1 + 1 + 3*3},
		"roll out a DaemonSet of 3":           {daemonSetRolledOut(3), 1 + 1 + 3 + 3*3 + 3*3},
		"delete a DaemonSet of 3":             {daemonSetDeleted(3), 1 + 2 + 3*3},
		"run a Job of 3":                      {jobRan(3), 1 + 3 + 3 + 3*3 + 3},
		"delete a Job of 3":                   {jobDeleted(3), 1 + 3},
		"run a CronJob once":                  {cronJobRan(), 1 + 2 + 1 + 3 + 1 + 3 + 1},
		"delete a CronJob that has run a Job": {cronJobDeleted(), 1 + 1 + 1},
	} {
		if got := total(c.needs); got != c.want {
			t.Errorf("%s: %d, wanted %d", name, got, c.want)
		}
	}
}

// A CronJob's time comes when there has been time to create it, and not twice.
func TestSoonIsNotTooSoon(t *testing.T) {
	for now, want := range map[string]string{
		"2026-11-21T09:58:00Z":      "59 9 * * *",
		"2026-11-21T09:58:39Z":      "59 9 * * *",
		"2026-11-21T09:58:40Z":      "0 10 * * *",
		"2026-11-21T23:59:59Z":      "1 0 * * *",
		"2026-11-21T09:58:00+05:30": "29 4 * * *",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := soon(at); got != want {
			t.Errorf("at %s: got %s, want %s", now, got, want)
		}
	}
}

// DaemonSets take turns at the nodes.
func TestSomeNodes(t *testing.T) {
	nodes := []string{"a", "b", "c"}
	for first, want := range []string{"ab", "bc", "ca", "ab"} {
		if got := strings.Join(some(nodes, first, 2), ""); got != want {
			t.Errorf("from %d: %s, want %s", first, got, want)
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
		"--kind":      func(o *Options) { o.Kinds = []string{"job", "pod"} },
		"--objects":   func(o *Options) { o.Objects = 0 },
		"--rest":      func(o *Options) { o.Rest = 0 },
		"--audit-log": func(o *Options) { o.Kubeconfig = "x" },
		"do not fit":  func(o *Options) { o.Nodes = 1 },
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
	o := Options{Objects: 3, Replicas: 2, More: 1, Nodes: 2, Clients: 2, Rest: time.Second, Timeout: 5 * time.Minute, quiet: time.Second, Progress: io.Discard}
	o.up = cluster.Options{Programs: programs, DataDir: filepath.Join(t.TempDir(), "c")}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Kinds) != len(kinds) || report.PlainPerSecond <= 0 {
		t.Errorf("got %+v", report)
	}
	for _, k := range report.Kinds {
		if k.Rest.Took == 0 || k.Rest.Memory["controllers"] == 0 {
			t.Errorf("%s: rest is %+v", k.Kind, k.Rest)
		}
		for _, p := range k.Phases {
			// What is needed is done, by whoever; and nothing is far more often.
			if p.Writes < p.Minimum || p.Ratio > 3 {
				t.Errorf("%s, %s: %d writes, needed %d", k.Kind, p.Name, p.Writes, p.Minimum)
			}
			for _, r := range p.rows() {
				if r.resource == "pods" && r.verb == "create" && r.count != r.needed*o.Objects {
					t.Errorf("%s, %s: %d pods were created, wanted %d", k.Kind, p.Name, r.count, r.needed*o.Objects)
				}
			}
		}
	}
	var table, file bytes.Buffer
	if err := report.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"RATIO", "roll out", "replicasets/status", "CronJobs", "MiB"} {
		if !strings.Contains(table.String(), word) {
			t.Errorf("no %q in the table:\n%s", word, &table)
		}
	}
	if err := report.WriteJSON(&file); err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(file.Bytes(), &again); err != nil || len(again.Kinds) != len(kinds) || len(again.Kinds[0].Phases[0].Calls) == 0 || again.Kinds[0].Phases[0].Calls[0].Count == 0 {
		t.Errorf("JSON is read back as %+v, %v", again, err)
	}
}
