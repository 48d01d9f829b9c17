// Package runner runs a Ginkgo suite in parallel from the one binary it is built into: no Go
// toolchain and no ginkgo command needed. The binary starts itself again as N workers; they
// share the specs by Ginkgo's own protocol, and every outcome is collected here.
package runner

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"time"
)

// Options say what to run and how.
type Options struct {
	// IDs are the behaviours to judge.
	IDs []string
	// Procs is the number of workers, at least 1.
	Procs int
	// Seed orders the specs; 0 takes one from the clock.
	Seed int64
	// FailFast stops the run at the first failure.
	FailFast bool
	// Timeout bounds the whole run; 0 means none. What has not run by then is NotRun.
	Timeout time.Duration
	// Grace is how long workers may clean up once they are told to stop; default 60 s.
	Grace time.Duration
	// Extra is handed to each worker's configure function.
	Extra any
	// Command starts worker number process, which must call Work with the address and the number.
	Command func(address string, process int) *exec.Cmd
	// Progress is told of every spec that begins or ends; it may be nil. Calls do not overlap.
	Progress func(Progress)
}

// Progress is one step of a run.
type Progress struct {
	// Began is the id of a spec that began; or Ended is how one came out.
	Began string
	Ended *Outcome
	// Done of Total specs have ended.
	Done, Total int
}

// ErrTimeout says that the run's own time ended it.
var ErrTimeout = errors.New("the run's time is over")

// Run runs the specs and returns one outcome for each of the ids, in their order. When ctx ends
// the workers stop, clean up, and what did not run is NotRun. The error is about the run: that
// workers could not start, or died; the outcomes are complete even then.
func Run(ctx context.Context, o Options) ([]Outcome, error) {
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, ErrTimeout)
		defer cancel()
	}
	if o.Seed == 0 {
		o.Seed = time.Now().UnixNano()
	}
	if o.Grace == 0 {
		o.Grace = 60 * time.Second
	}
	extra, err := json.Marshal(o.Extra)
	if err != nil {
		return nil, err
	}
	procs := max(1, min(o.Procs, len(o.IDs)))
	book := newBook(o)
	srv, err := newServer(procs, Job{IDs: o.IDs, Seed: o.Seed, Total: procs, FailFast: o.FailFast, Extra: extra}, book.take)
	if err != nil {
		return nil, err
	}
	defer srv.close()

	crew := newCrew(srv, o, procs, book)
	stopped := context.AfterFunc(ctx, func() { srv.stop(); crew.killAfter(o.Grace) })
	crew.wait()
	stopped()
	return book.close(stopReason(ctx)), crew.err()
}

// stopReason tells why specs did not run.
func stopReason(ctx context.Context) string {
	switch {
	case errors.Is(context.Cause(ctx), ErrTimeout):
		return "the run's time was over before"
	case ctx.Err() != nil:
		return "the run was interrupted before"
	}
	return "the run was stopped before"
}
