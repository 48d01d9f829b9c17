package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/bench/ceiling"
	"github.com/etalon-dev/etalon/reference/apiserver"
)

// TestMain lets the test be the program that the benchmark starts.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "apiserver" && os.Args[1] != "bench" {
		os.Exit(m.Run())
	}
	bench := &cobra.Command{Use: "bench"}
	bench.AddCommand(ceiling.Command())
	root := &cobra.Command{Use: "etalon", SilenceUsage: true}
	root.AddCommand(apiserver.Command(), bench)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if root.ExecuteContext(ctx) != nil {
		os.Exit(1)
	}
}

// A small run of everything, on both servers.
func TestRun(t *testing.T) {
	var progress bytes.Buffer
	o := Options{
		Rounds: 2, Clients: 2, Writes: 5, ListSize: 7, Lists: 2, Watchers: []int{1, 60}, Deliveries: 10, Starts: 1,
		Encodings: []string{JSON, Protobuf}, Progress: &progress,
	}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{ // requests in a round
		"create json": 5, "update json": 5, "bind json": 5, "create protobuf": 5, "update protobuf": 5, "bind protobuf": 5,
		"list of 7 json": 2, "list of 7 protobuf": 2, "watch × 1 json": 10, "watch × 60 json": 300,
	}
	for _, r := range report.Results {
		name := r.Workload + " " + r.Encoding
		if len(r.Server) != 2 || len(r.Bare) != 2 {
			t.Errorf("%s: %d and %d samples, wanted one a round", name, len(r.Server), len(r.Bare))
			continue
		}
		for _, s := range append(r.Server, r.Bare...) {
			if s.Requests != want[name] || s.PerSecond <= 0 || s.P50 <= 0 || s.P99 < s.P50 {
				t.Errorf("%s: %+v, wanted %d requests and plausible times", name, s, want[name])
			}
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not measured: %v", want)
	}
	if len(report.Starts.Server) != 1 || report.Starts.Server[0].Memory == 0 || len(report.Starts.Bare) != 1 {
		t.Errorf("starts: %+v", report.Starts)
	}

	var table, file bytes.Buffer
	if err := report.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"CPU/REQUEST", "watch × 60", "START TO READY", "bare"} {
		if !strings.Contains(table.String(), word) {
			t.Errorf("no %q in the table:\n%s", word, &table)
		}
	}
	if err := report.WriteJSON(&file); err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(file.Bytes(), &again); err != nil || len(again.Results) != len(report.Results) {
		t.Errorf("JSON is read back as %d results, %v", len(again.Results), err)
	}
	if !strings.Contains(progress.String(), "round 2 of 2") {
		t.Errorf("progress: %s", &progress)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"--rounds":    func(o *Options) { o.Rounds = 0 },
		"--watchers":  func(o *Options) { o.Watchers = []int{10, 0} },
		"--encodings": func(o *Options) { o.Encodings = []string{"yaml"} },
		"empty":       func(o *Options) { o.Encodings = nil },
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

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []int
		q      float64
		want   int
	}{{[]int{7}, 0.5, 7}, {[]int{7}, 0.99, 7}, {[]int{1, 2, 3}, 0.5, 2}, {[]int{1, 2, 3, 4}, 0.99, 4}, {[]int{1, 2, 3, 4}, 0, 1}, {[]int{1, 2}, 1, 2}} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile %v of %v: got %d, wanted %d", c.q, c.values, got, c.want)
		}
	}
}

func TestSentAt(t *testing.T) {
	line := func(value string) []byte {
		return fmt.Appendf(nil, `{"type":"ADDED","object":{"metadata":{"annotations":{"a":"b",%q:%q}}}}`, sentAnnotation, value)
	}
	if at, ok := sentAt(line("1500000000000000001")); !ok || at.UnixNano() != 1500000000000000001 {
		t.Errorf("got %v, %t", at, ok)
	}
	for _, bad := range [][]byte{nil, []byte("{}"), line(""), line("x"), []byte(`"` + sentAnnotation + `":"1`)} {
		if _, ok := sentAt(bad); ok {
			t.Errorf("%q has no time", bad)
		}
	}
}
