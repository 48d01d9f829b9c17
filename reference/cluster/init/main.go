// Command etalon-init keeps a list of processes alive: those of the control plane on the machine
// and, as process 1 of its namespaces, those of a node.
//
//	etalon-init SPEC [ID]
//
// It starts what SPEC lists, starts again what ends, adopts and reaps orphans when it is process 1,
// and on SIGTERM stops all in reverse order and ends. Its children do not outlive it. ID is not
// read: it marks the process as one cluster's, for those who look for it.
//
// With ETALON_INIT_ENTER=1 it first furnishes fresh namespaces (see enter.go).
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

// Children ask the kernel to die with the thread that forked them, and namespaces belong to threads:
// everything happens on the first one.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "etalon-init:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 {
		return fmt.Errorf("usage: etalon-init SPEC [ID]")
	}
	s, err := spec.Load(args[0])
	if err != nil {
		return err
	}
	if os.Getenv(enterVariable) != "" {
		return enter(s)
	}
	return newSupervisor(s).run()
}
