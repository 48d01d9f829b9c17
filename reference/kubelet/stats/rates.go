package stats

import "time"

const (
	// narrowest and widest are what a window may be over which a rate is told: over less it says nothing, over more
	// nothing of the present.
	narrowest = time.Second
	widest    = 2 * time.Minute
)

// point is a cgroup's CPU time at a moment.
type point struct {
	at    time.Time
	total uint64
}

// history remembers two samples of CPU time by cgroup, from which rates are.
type history struct{ earlier, latest map[string]point }

// rate is by how much the CPU time grew per second since the newest remembered sample that is old enough. One that
// was made since (or that began anew under the same path) is measured from when it was made. Nil if there is nothing
// to compare with.
func (h history) rate(path string, now point, created time.Time) *uint64 {
	base := point{at: created}
	for _, old := range []map[string]point{h.latest, h.earlier} {
		p, known := old[path]
		if known && p.total <= now.total && !p.at.Before(created) && now.at.Sub(p.at) >= narrowest {
			base = p
			break
		}
	}
	window := now.at.Sub(base.at)
	if base.at.IsZero() || window < narrowest || window > widest {
		return nil
	}
	r := uint64(float64(now.total-base.total) / window.Seconds())
	return &r
}

// add remembers a sample, unless the newest is hardly older.
func (h *history) add(points map[string]point) {
	if last, known := h.latest["/"]; known && points["/"].at.Sub(last.at) < narrowest {
		return
	}
	h.earlier, h.latest = h.latest, points
}
