package scheduler

import "sync"

// inbox carries what others have to say to the one goroutine that owns the scheduler's state.
// Senders never block.
type inbox struct {
	mu    sync.Mutex
	mail  []func()
	ready chan struct{}
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

// send hands over a change to be made by the owner.
func (i *inbox) send(change func()) {
	i.mu.Lock()
	i.mail = append(i.mail, change)
	i.mu.Unlock()
	select {
	case i.ready <- struct{}{}:
	default:
	}
}

// take empties the inbox in the order of arrival.
func (i *inbox) take() []func() {
	i.mu.Lock()
	defer i.mu.Unlock()
	mail := i.mail
	i.mail = nil
	return mail
}
