package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"

	"github.com/etalon-dev/etalon/reference/cluster"
)

// runKubectl is kubectl as `etalon kubectl`. Unless a kubeconfig is named by flag or environment, it
// talks to the cluster that `etalon up` started.
func runKubectl(args []string) int {
	named := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--kubeconfig") })
	if !named && os.Getenv("KUBECONFIG") == "" {
		if path, ok := cluster.DefaultKubeconfig(); ok {
			os.Setenv("KUBECONFIG", path)
		}
	}
	os.Args = args
	return cli.Run(kubectl.NewDefaultKubectlCommand())
}

// kubectlHelp lists kubectl among the commands; main runs it before cobra sees its flags.
func kubectlHelp() *cobra.Command {
	return &cobra.Command{Use: "kubectl", Short: "kubectl for the cluster", DisableFlagParsing: true, Run: func(*cobra.Command, []string) {}}
}
