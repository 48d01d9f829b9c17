package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/etalon-dev/etalon/conformance/report"
	"github.com/etalon-dev/etalon/spec"
)

// Command is `etalon conformance`. The options are the program's own (Provision, Version); flags set the rest.
// An error of the command may be an *ExitError, whose code the program should end with.
func Command(o Options) *cobra.Command {
	var list, worker bool
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Judge a cluster by the documented behaviours",
		Long: `Judge a cluster by the documented behaviours (etalon spec list shows them).

Without --kubeconfig a reference cluster is brought up for the run and taken down after it.
The exit status is 0 when nothing failed, 1 when something did, 2 for wrong usage, 130 when interrupted.`,
		Example: `  etalon conformance
  etalon conformance --kubeconfig ~/.kube/config --focus services --report out
  etalon conformance --focus 'pods/log*' --procs 1`,
		Args: func(_ *cobra.Command, args []string) error {
			if !worker && len(args) > 0 {
				return &ExitError{Code: exitUsage, Message: fmt.Sprintf("unexpected argument %q (did you mean --focus %s?)", args[0], args[0])}
			}
			return nil
		},
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Out = cmd.OutOrStdout()
			switch {
			case worker:
				return runWorker(args)
			case list:
				return printList(o)
			}
			return runCommand(cmd.Context(), o)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &ExitError{Code: exitUsage, Message: err.Error()} })
	flags := cmd.Flags()
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "judge the cluster of this kubeconfig, as an administrator; default: a reference cluster for this run")
	flags.StringSliceVar(&o.Focus, "focus", nil, "judge only these areas, ids or patterns")
	flags.StringSliceVar(&o.Skip, "skip", nil, "leave out these areas, ids or patterns")
	flags.BoolVar(&list, "list", false, "list the behaviours picked and do nothing else")
	flags.BoolVar(&o.DryRun, "dry-run", false, "run nothing, but report as if: everything counts as not run")
	flags.IntVar(&o.Procs, "procs", DefaultProcs(), "how many specs run at a time")
	flags.StringVar(&o.ReportDir, "report", "", "write junit.xml, report.json and report.yaml into this directory")
	flags.StringVar(&o.Images, "images-from", "", "take the test images from this registry (REGISTRY/tool:v1, csi:v1); default: etalon.dev")
	flags.DurationVar(&o.Timeout, "timeout", time.Hour, "of the whole run; 0 for none")
	flags.Float64Var(&o.TimeoutScale, "timeout-scale", 1, "multiply every timeout within specs, for slow clusters")
	flags.BoolVar(&o.FailFast, "fail-fast", false, "stop at the first failure")
	flags.BoolVar(&worker, "internal-worker", false, "run as a worker of a run")
	if err := flags.MarkHidden("internal-worker"); err != nil {
		panic(err)
	}
	return cmd
}

// runCommand runs until it is done or interrupted, and turns the report into an exit status.
func runCommand(ctx context.Context, o Options) error {
	if o.Procs < 1 || o.TimeoutScale <= 0 || o.Timeout < 0 {
		return &ExitError{Code: exitUsage, Message: "--procs must be at least 1, --timeout-scale above 0, --timeout not negative"}
	}
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, endOnNextSignal)
	r, err := Run(ctx, o)
	if ctx.Err() != nil {
		return &ExitError{Code: exitInterrupted, Message: "interrupted"}
	}
	return verdict(o, r, err)
}

// endOnNextSignal lets a second Ctrl-C end the program at once; its workers then end by themselves.
func endOnNextSignal() {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	<-again
	os.Exit(exitInterrupted)
}

// verdict is the error that a run's result amounts to; nil when nothing failed and all that was to run did.
func verdict(o Options, r *report.Report, err error) error {
	var exit *ExitError
	switch {
	case errors.As(err, &exit):
		return exit
	case err != nil:
		return &ExitError{Code: exitFailed, Message: err.Error()}
	}
	if all := r.Statistics(); all.Failed > 0 || (all.NotRun > 0 && !o.DryRun) {
		return &ExitError{Code: exitFailed, Message: fmt.Sprintf("%d behaviours failed, %d did not run", all.Failed, all.NotRun)}
	}
	return nil
}

func runWorker(args []string) error {
	if len(args) != 2 {
		return &ExitError{Code: exitUsage, Message: "--internal-worker is for the program itself"}
	}
	process, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return work(args[0], process)
}

// printList lists what --focus and --skip pick.
func printList(o Options) error {
	set, err := spec.Load()
	if err != nil {
		return err
	}
	all, err := declared()
	if err != nil {
		return err
	}
	ids, err := pick(all, o.Focus, o.Skip)
	if err != nil {
		return &ExitError{Code: exitUsage, Message: err.Error()}
	}
	return writeList(o.Out, set, ids)
}

func writeList(out io.Writer, set *spec.Set, ids []string) error {
	tw := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, id := range ids {
		b, _ := set.Lookup(id)
		fmt.Fprintf(tw, "%s\t%s\t%s\n", id, b.Level, b.Title)
	}
	return tw.Flush()
}
