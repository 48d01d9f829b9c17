package api

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Sample is what one peer did in one round of a workload.
type Sample struct {
	// Requests were answered, PerSecond of them each second. For a watch a request is one event at one watcher.
	Requests  int     `json:"requests"`
	PerSecond float64 `json:"perSecond"`
	// P50 and P99 are quantiles of the time from a request to its answer, or from a write to its event.
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	// CPU is the processor time of the server per request.
	CPU time.Duration `json:"cpu"`
}

// measure lets the clients do the operations 0 … n-1, each once, as fast as they can, and says
// what it took and what it cost the server.
func (p *peer) measure(ctx context.Context, clients, n int, operation func(ctx context.Context, client, i int) error) (Sample, error) {
	times := make([]time.Duration, n)
	var next atomic.Int64
	before, err := p.process.CPU()
	if err != nil {
		return Sample{}, err
	}
	begin := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for client := range clients {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return ctx.Err()
				}
				sent := time.Now()
				if err := operation(ctx, client, i); err != nil {
					return err
				}
				times[i] = time.Since(sent)
			}
		})
	}
	if err := group.Wait(); err != nil {
		return Sample{}, err
	}
	return p.sample(begin, before, times)
}

// sample sums up what was done since begin, when the server had used the processor time before.
func (p *peer) sample(begin time.Time, before time.Duration, times []time.Duration) (Sample, error) {
	took := time.Since(begin)
	after, err := p.process.CPU()
	if err != nil {
		return Sample{}, err
	}
	n := len(times)
	slices.Sort(times)
	return Sample{
		Requests: n, PerSecond: float64(n) / took.Seconds(),
		P50: quantile(times, 0.5), P99: quantile(times, 0.99),
		CPU: (after - before) / time.Duration(n),
	}, nil
}

// quantile of sorted values: the smallest that at least the fraction q of all do not exceed.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
