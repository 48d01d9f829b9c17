package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/etalon-dev/etalon/conformance/framework"
	"github.com/etalon-dev/etalon/conformance/report"
	"github.com/etalon-dev/etalon/conformance/runner"
	"github.com/etalon-dev/etalon/spec"
)

// Run judges the cluster and returns what was found. An error is about the run: wrong options
// (an *ExitError with code 2), no cluster, workers that died; there may be a report even so.
func Run(ctx context.Context, o Options) (*report.Report, error) {
	set, err := spec.Load()
	if err != nil {
		return nil, err
	}
	all, err := declared()
	if err != nil {
		return nil, fmt.Errorf("the suite does not fit its specification: %w", err)
	}
	ids, err := pick(all, o.Focus, o.Skip)
	if err != nil {
		return nil, &ExitError{Code: exitUsage, Message: err.Error()}
	}
	if o.Procs == 0 {
		o.Procs = DefaultProcs()
	}
	if o.DryRun {
		return finish(o, report.Make(set, notRun(ids, "dry run"), report.Implementation{Version: "(none: dry run)"}, o.Version, time.Now(), 0), nil)
	}
	ours := o.Kubeconfig == ""
	if ours {
		down, err := provision(ctx, &o)
		if err != nil {
			return nil, err
		}
		defer down()
	}
	cluster, err := connect(ctx, o.Kubeconfig)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Out, "%d behaviours, %d at a time, on Kubernetes %s with %d nodes\n", len(ids), min(o.Procs, len(ids)), cluster.about.Version, cluster.about.Nodes)
	run, started := strings.ToLower(rand.Text()[:8]), time.Now()
	outcomes, err := judge(ctx, o, ids, run)
	if !ours {
		cluster.cleanUp(context.WithoutCancel(ctx), run, o.Out)
	}
	return finish(o, report.Make(set, outcomes, cluster.about, o.Version, started, time.Since(started)), err)
}

// provision brings up a cluster and notes its kubeconfig in o.
func provision(ctx context.Context, o *Options) (down func(), err error) {
	if o.Provision == nil {
		return nil, &ExitError{Code: exitUsage, Message: "which cluster? give --kubeconfig FILE"}
	}
	o.Kubeconfig, down, err = o.Provision(ctx)
	if err != nil {
		return nil, fmt.Errorf("could not bring up a cluster to judge: %w", err)
	}
	return down, nil
}

func judge(ctx context.Context, o Options, ids []string, run string) ([]runner.Outcome, error) {
	shown := newProgress(o.Out)
	defer shown.stop()
	worker := o.Worker
	if worker == nil {
		worker = []string{"conformance", "--internal-worker"}
	}
	return runner.Run(ctx, runner.Options{
		IDs: ids, Procs: o.Procs, FailFast: o.FailFast, Timeout: o.Timeout,
		Extra:   framework.Settings{Kubeconfig: o.Kubeconfig, Images: o.Images, TimeoutScale: o.TimeoutScale, Run: run},
		Command: runner.Self(worker...), Progress: shown.step,
	})
}

// work is the life of one worker.
func work(address string, process int) error {
	return runner.Work(address, process, func(extra json.RawMessage) error {
		var s framework.Settings
		if err := json.Unmarshal(extra, &s); err != nil {
			return err
		}
		framework.Use(s)
		return nil
	})
}

func notRun(ids []string, why string) []runner.Outcome {
	outcomes := make([]runner.Outcome, len(ids))
	for i, id := range ids {
		outcomes[i] = runner.Outcome{ID: id, State: runner.NotRun, Message: why}
	}
	return outcomes
}

// finish prints the report and writes its files.
func finish(o Options, r *report.Report, err error) (*report.Report, error) {
	if printErr := r.Print(o.Out); printErr != nil {
		err = errors.Join(err, printErr)
	}
	if o.ReportDir != "" {
		if writeErr := r.Write(o.ReportDir); writeErr != nil {
			return r, errors.Join(err, writeErr)
		}
		fmt.Fprintf(o.Out, "report: %s/{report.yaml,report.json,junit.xml}\n", o.ReportDir)
	}
	return r, err
}
