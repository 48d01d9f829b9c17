// Package conformance judges a Kubernetes cluster, any cluster, by the documented behaviours in
// spec/: each has a small Ginkgo spec in a package named after its area.
package conformance

import (
	"context"
	"io"
	"runtime"
	"time"
)

// Options say which cluster to judge, by what, and how.
type Options struct {
	// Kubeconfig names the cluster and an administrator of it. Empty: Provision brings one up.
	Kubeconfig string
	// Provision brings up a cluster for the run and returns its kubeconfig and how to take it down.
	Provision func(ctx context.Context) (kubeconfig string, down func(), err error)
	// Focus and Skip pick behaviours by area, id or pattern ("pods/log*"); no Focus means all.
	Focus, Skip []string
	// DryRun runs nothing: every behaviour picked counts as not run.
	DryRun bool
	// Procs is the number of specs that run at a time; 0 means DefaultProcs.
	Procs int
	// FailFast stops the run at the first failure.
	FailFast bool
	// Timeout bounds the whole run; 0 means none.
	Timeout time.Duration
	// TimeoutScale multiplies the timeouts within specs; 0 means 1.
	TimeoutScale float64
	// Images is the registry to take the fixtures' images from; empty: their own names.
	Images string
	// ReportDir is where junit.xml, report.json and report.yaml go; empty: nowhere.
	ReportDir string
	// Version is this program's, for the report.
	Version string
	// Out takes progress and result.
	Out io.Writer
	// Worker are the arguments by which this program starts as a worker; default "conformance --internal-worker".
	Worker []string
}

// DefaultProcs is how many specs run at a time unless told: they wait more than they work.
func DefaultProcs() int { return min(8, 4*runtime.NumCPU()) }

// ExitError is an error with the exit status that the program should end with: 1 when a
// behaviour failed or the run did, 2 for wrong usage, 130 when interrupted. An empty Message
// means that all has been said.
type ExitError struct {
	Code    int
	Message string
}

func (e *ExitError) Error() string { return e.Message }

// ExitCode is the exit status.
func (e *ExitError) ExitCode() int { return e.Code }

const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)
