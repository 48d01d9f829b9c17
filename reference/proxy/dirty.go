package proxy

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// dirty collects the names of Services that changed until someone has time for them.
type dirty struct {
	signal chan struct{} // holds one token while there is something to take

	mu    sync.Mutex
	names map[types.NamespacedName]bool
}

func newDirty() *dirty {
	return &dirty{signal: make(chan struct{}, 1), names: map[types.NamespacedName]bool{}}
}

func (d *dirty) mark(name types.NamespacedName) {
	d.mu.Lock()
	d.names[name] = true
	d.mu.Unlock()
	d.wake()
}

// wake has the rules looked at even if no Service changed.
func (d *dirty) wake() {
	select {
	case d.signal <- struct{}{}:
	default:
	}
}

func (d *dirty) take() []types.NamespacedName {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := make([]types.NamespacedName, 0, len(d.names))
	for name := range d.names {
		names = append(names, name)
	}
	clear(d.names)
	return names
}
