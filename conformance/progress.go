package conformance

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/etalon-dev/etalon/conformance/runner"
)

// stillRunningAfter is how long a run may be silent before it says what it is at.
const stillRunningAfter = 30 * time.Second

// progress prints one line for each spec that ends and, in a long silence, what runs.
type progress struct {
	mu      sync.Mutex
	out     io.Writer
	began   map[string]time.Time
	last    time.Time
	stopped chan struct{}
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, began: map[string]time.Time{}, last: time.Now(), stopped: make(chan struct{})}
	go p.breakSilence()
	return p
}

func (p *progress) stop() { close(p.stopped) }

func (p *progress) step(s runner.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Ended == nil {
		p.began[s.Began] = time.Now()
		return
	}
	delete(p.began, s.Ended.ID)
	p.last = time.Now()
	fmt.Fprintf(p.out, "[%*d/%d] %s\n", len(fmt.Sprint(s.Total)), s.Done, s.Total, outcomeLine(*s.Ended))
}

// outcomeLine tells how a spec came out; the first line of what was wrong is enough here.
func outcomeLine(o runner.Outcome) string {
	took := o.Duration.Round(100 * time.Millisecond)
	first, _, _ := strings.Cut(o.Message, "\n")
	switch o.State {
	case runner.Passed:
		return fmt.Sprintf("✓ %s (%s)", o.ID, took)
	case runner.Failed:
		return fmt.Sprintf("✗ %s (%s): %s", o.ID, took, first)
	case runner.Skipped:
		return fmt.Sprintf("- %s skipped: %s", o.ID, first)
	}
	return fmt.Sprintf("· %s not run: %s", o.ID, first)
}

func (p *progress) breakSilence() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.stopped:
			return
		case <-tick.C:
			p.mu.Lock()
			if time.Since(p.last) > stillRunningAfter && len(p.began) > 0 {
				p.last = time.Now()
				fmt.Fprintf(p.out, "        still running: %s\n", p.running())
			}
			p.mu.Unlock()
		}
	}
}

func (p *progress) running() string {
	var parts []string
	for id, since := range p.began {
		parts = append(parts, fmt.Sprintf("%s (%s)", id, time.Since(since).Round(time.Second)))
	}
	return strings.Join(parts, ", ")
}
