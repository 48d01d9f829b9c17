package resourcequota

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// settling is for how long a quota must not have been charged before less is written into it.
//
// Admission charges a quota before the object is stored, and the watch that shows the object comes
// later still. Who counts in between finds less used than is spoken for, and who writes that lets one
// object too many in. As long as objects are being created, each charge changes the quota and so
// starts the time anew; a quota that is used up is charged no more, and settles.
const settling = 200 * time.Millisecond

// settled remembers since when quotas have been as they are.
type settled struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[types.NamespacedName]version
}

// version is one state of a quota and when it was first looked at.
type version struct {
	version string
	since   time.Time
}

func newSettled(now func() time.Time) *settled {
	return &settled{now: now, seen: map[types.NamespacedName]version{}}
}

// wait returns for how much longer the quota must stay at the resource version.
func (s *settled) wait(key types.NamespacedName, resourceVersion string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, have := s.now(), s.seen[key]
	if have.version != resourceVersion || have.since.IsZero() {
		have = version{version: resourceVersion, since: now}
		s.seen[key] = have
	}
	return max(0, settling-now.Sub(have.since))
}

// forget drops what is known of the quota.
func (s *settled) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, key)
}
