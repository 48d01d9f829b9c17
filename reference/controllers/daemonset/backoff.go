package daemonset

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// A failed pod is removed at once, the next one of its node a second later, and
// so on, doubling. A node that has been well for a while starts anew.
const (
	firstBackoff  = time.Second
	lastBackoff   = 15 * time.Minute
	forgetBackoff = 2 * lastBackoff
)

// backoff remembers on which nodes pods of a set failed.
type backoff struct {
	mu     sync.Mutex
	failed map[types.NamespacedName]map[string]failure
}

// failure is the last removal of a failed pod from a node.
type failure struct {
	at    time.Time
	delay time.Duration // until the next one may be removed
}

func newBackoff() *backoff {
	return &backoff{failed: map[types.NamespacedName]map[string]failure{}}
}

// wait is how long a failed pod of the set has to stay on the node; zero or less
// if it may go.
func (b *backoff) wait(set types.NamespacedName, node string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, ok := b.failed[set][node]
	if !ok {
		return 0
	}
	return last.at.Add(last.delay).Sub(now)
}

// removed notes that a failed pod of the set was removed from the node.
func (b *backoff) removed(set types.NamespacedName, node string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed[set] == nil {
		b.failed[set] = map[string]failure{}
	}
	for name, last := range b.failed[set] {
		if now.Sub(last.at) > forgetBackoff {
			delete(b.failed[set], name)
		}
	}
	delay := firstBackoff
	if last, ok := b.failed[set][node]; ok {
		delay = min(2*last.delay, lastBackoff)
	}
	b.failed[set][node] = failure{at: now, delay: delay}
}

// forget drops what is known of a set that is gone.
func (b *backoff) forget(set types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.failed, set)
}
