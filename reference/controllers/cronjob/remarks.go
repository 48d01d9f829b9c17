package cronjob

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// remarks remembers what was said of each CronJob when it was last looked at, so
// that what goes on is not told over and over.
type remarks struct {
	mu   sync.Mutex
	last map[types.NamespacedName]said
}

type said struct {
	of types.UID
	as []remark
}

// fresh returns those of now's events that were not said last time.
func (r *remarks) fresh(key types.NamespacedName, of types.UID, now []remark) []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var events []event
	before := r.last[key]
	for _, remark := range now {
		if before.of != of || !slices.Contains(before.as, remark) {
			events = append(events, remark.event)
		}
	}
	if r.last == nil {
		r.last = map[types.NamespacedName]said{}
	}
	if len(now) == 0 {
		delete(r.last, key)
	} else {
		r.last[key] = said{of: of, as: now}
	}
	return events
}

func (r *remarks) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, key)
}
