package runner

import (
	"slices"
	"sync"
	"time"
)

// book collects the outcomes, at most one for each id.
type book struct {
	mu       sync.Mutex
	outcomes map[string]Outcome
	o        Options
}

func newBook(o Options) *book { return &book{outcomes: map[string]Outcome{}, o: o} }

func (b *book) take(e event) {
	if e.ended == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.tell(Progress{Began: e.began})
		return
	}
	if slices.Contains(b.o.IDs, e.ended.LeafNodeText) {
		b.enter(outcome(*e.ended))
	}
}

func (b *book) crashed(spec running, why string) {
	b.enter(Outcome{ID: spec.ID, State: Failed, Duration: time.Since(spec.Since), Message: why})
}

func (b *book) enter(o Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.outcomes[o.ID]; known {
		return
	}
	b.outcomes[o.ID] = o
	b.tell(Progress{Ended: &o})
}

// tell calls Progress; the caller holds the lock.
func (b *book) tell(p Progress) {
	if b.o.Progress != nil {
		p.Done, p.Total = len(b.outcomes), len(b.o.IDs)
		b.o.Progress(p)
	}
}

// close returns an outcome for every id; those without one did not run, for the reason given.
func (b *book) close(reason string) []Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Outcome, 0, len(b.o.IDs))
	for _, id := range b.o.IDs {
		o, known := b.outcomes[id]
		if !known {
			o = Outcome{ID: id, State: NotRun, Message: reason}
		}
		all = append(all, o)
	}
	return all
}
