package job

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
)

// memory is what the controller knows of the Jobs it works on beyond what the caches show. It may be lost with the
// process: the next one begins with caches that show all that this one has made.
type memory struct {
	mu   sync.Mutex
	jobs map[types.NamespacedName]*notes
}

// notes are of one Job. Only the worker that reconciles it uses them.
type notes struct {
	uid   types.UID
	blank bool // pods that ended before its time have still to be looked at
	past  failures

	mu sync.Mutex
	// unsure are the creations, by completion index, that were not answered. They may have happened all the same, so
	// the next attempt asks for the same name: then there are never two.
	unsure map[int][]attempt
}

// attempt is the creation of a pod of that name.
type attempt struct {
	name string
	// at is when it was last not answered; zero if it was not tried before.
	at time.Time
}

// of returns the notes of the Job. For one that is new here they are blank.
func (m *memory) of(key types.NamespacedName, uid types.UID) *notes {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.jobs[key]; n != nil && n.uid == uid {
		return n
	}
	n := &notes{uid: uid, blank: true, unsure: map[int][]attempt{}}
	m.jobs[key] = n
	return n
}

func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.jobs, key)
}

// next is the next attempt to make a pod of the index.
func (n *notes) next(prefix string, index int) attempt {
	n.mu.Lock()
	defer n.mu.Unlock()
	if open := n.unsure[index]; len(open) > 0 {
		n.unsure[index] = open[1:]
		return open[0]
	}
	return attempt{name: prefix + rand.String(5)}
}

// failed notes that the attempt has ended in an error: it may have happened all the same, unless the API server
// has refused it, and all attempts at the same name before it.
func (n *notes) failed(index int, a attempt, refused bool, now time.Time) {
	if !refused {
		a.at = now
	}
	if a.at.IsZero() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unsure[index] = append(n.unsure[index], a)
}

// keep forgets the unsure attempts for which still says no.
func (n *notes) keep(still func(attempt) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for index, open := range n.unsure {
		var kept []attempt
		for _, a := range open {
			if still(a) {
				kept = append(kept, a)
			}
		}
		if n.unsure[index] = kept; len(kept) == 0 {
			delete(n.unsure, index)
		}
	}
}
