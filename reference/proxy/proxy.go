// Package proxy makes the virtual addresses of Services work on a node. It watches Services and
// EndpointSlices, has package plan decide and package rules render, and keeps the kernel's
// iptables at that by writing only what changed.
package proxy

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
	"github.com/etalon-dev/etalon/reference/proxy/rules"
)

const (
	// minPause is the least time between two writes, so that a burst becomes few of them. A
	// change after a quiet time is written at once.
	minPause = 20 * time.Millisecond
	// checkPeriod is how often the kernel is looked at for rules that others took away.
	checkPeriod = 30 * time.Second
	// firstRetry is the pause after a failed write; it doubles up to lastRetry.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// writer is the kernel, or a stand-in for it.
type writer interface {
	read(context.Context) (*rules.Ruleset, error)
	restore(context.Context, []byte) error
	intact() (bool, error)
}

// source tells the ports of a Service as they are now; none if there is no such Service.
type source func(types.NamespacedName) []plan.Port

// proxy belongs to the goroutine in loop; changes come in through dirty.
type proxy struct {
	kernel writer
	source source
	forget func(staleFlows) error
	state  state
	dirty  *dirty

	picture *rules.Ruleset // what the kernel has; nil: to be read
	stale   staleFlows     // UDP flows to look through once the rules are written
}

// loop keeps the kernel right until the context ends. It leaves the rules in place: connections
// outlive the proxy.
func (p *proxy) loop(ctx context.Context) {
	check := time.NewTicker(checkPeriod)
	defer check.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	retry := time.Duration(0)
	for {
		// Not before the pause is over…
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		// … and then as soon as there is something to do.
		var again <-chan time.Time
		if retry > 0 {
			again = time.After(retry)
		}
		select {
		case <-ctx.Done():
			return
		case <-p.dirty.signal:
		case <-again:
		case <-check.C:
			p.check(ctx)
		}
		began := time.Now()
		if err := p.sync(ctx); err != nil && ctx.Err() == nil {
			retry = min(max(firstRetry, 2*retry), lastRetry)
			klog.FromContext(ctx).Error(err, "Writing rules failed", "retryAfter", retry)
		} else {
			retry = 0
		}
		// At most half of the time goes into writing.
		pause.Reset(max(minPause, time.Since(began)))
	}
}

// check has everything read and written anew if rules of ours were taken away.
func (p *proxy) check(ctx context.Context) {
	if p.picture == nil {
		return
	}
	intact, err := p.kernel.intact()
	if err != nil {
		klog.FromContext(ctx).Error(err, "Checking the rules")
	}
	if err == nil && !intact {
		klog.FromContext(ctx).Info("Rules are missing; writing them again")
		p.picture = nil
	}
}

// sync brings what changed into the kernel.
func (p *proxy) sync(ctx context.Context) error {
	for _, name := range p.dirty.take() {
		ports := p.source(name)
		p.stale.add(p.state.set(name, ports), ports)
	}
	want := p.state.ruleset()
	if p.picture == nil {
		have, err := p.kernel.read(ctx)
		if err != nil {
			return err
		}
		p.picture = have
	}
	if delta := rules.Delta(p.picture, want); delta != nil {
		if err := p.kernel.restore(ctx, delta); err != nil {
			p.picture = nil // one table may have been written, the other not
			return err
		}
		klog.FromContext(ctx).V(3).Info("Wrote rules", "bytes", len(delta))
	}
	p.picture = want
	if err := p.forget(p.stale); err != nil {
		return fmt.Errorf("forgetting stale UDP flows: %w", err)
	}
	clear(p.stale)
	return nil
}
