// Command etalon is a Kubernetes conformance suite, the reference cluster that it is measured on,
// and the parts of that cluster, each of which also runs alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // CronJobs name time zones; a node's image need not have them

	"github.com/spf13/cobra"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/bench"
	"github.com/etalon-dev/etalon/conformance"
	"github.com/etalon-dev/etalon/reference/apiserver"
	"github.com/etalon-dev/etalon/reference/cluster"
	"github.com/etalon-dev/etalon/reference/controllers"
	"github.com/etalon-dev/etalon/reference/kubelet"
	"github.com/etalon-dev/etalon/reference/proxy"
	"github.com/etalon-dev/etalon/reference/residency"
	"github.com/etalon-dev/etalon/reference/scheduler"
	"github.com/etalon-dev/etalon/reference/simulation"
	"github.com/etalon-dev/etalon/spec"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "kubectl" {
		os.Exit(runKubectl(os.Args[1:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newCommand().ExecuteContext(ctx)
	klog.Flush()
	os.Exit(report(err))
}

// report prints err in one line and returns the exit code it asks for: 1, unless it says otherwise.
func report(err error) int {
	if err == nil {
		return 0
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		if text := err.Error(); text != "" {
			fmt.Fprintln(os.Stderr, "Error:", text)
		}
		return coded.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "Error:", err)
	return 1
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "etalon",
		Short:         "A Kubernetes conformance suite and the reference cluster it is measured on",
		Version:       version.Get().GitVersion,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddGroup(
		&cobra.Group{ID: "cluster", Title: "A cluster:"},
		&cobra.Group{ID: "suite", Title: "The conformance suite and the benchmarks:"},
		&cobra.Group{ID: "part", Title: "One part of a cluster, against any API server:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("cluster", cluster.Commands()...)
	add("cluster", kubectlHelp())

	add("suite", conformance.Command(conformance.Options{Provision: provision, Version: version.Get().GitVersion}), spec.Command(), bench.Command())
	add("part", apiserver.Command(), controllers.Command(), scheduler.Command(), kubelet.Command(), proxy.Command(), simulation.Command())
	add("part", cluster.PartCommands()...)
	for _, c := range root.Commands() {
		if c.GroupID == "part" {
			c.PreRun = func(cmd *cobra.Command, _ []string) { go residency.TrimStarted(cmd.Context()) }
		}
	}
	return root
}
