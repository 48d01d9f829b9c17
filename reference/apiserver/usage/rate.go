package usage

import "time"

const (
	// narrowest and widest are what the window may be that a use of CPU is an average over.
	narrowest = time.Second
	widest    = 2 * time.Minute
)

// rate is how many cores were used on average, and over which window: since the earlier point, or since the start of
// what was started later than that.
func rate(earlier, now point) (cores float64, window time.Duration, ok bool) {
	if !now.whole() {
		return 0, 0, false
	}
	if earlier.hasCPU && earlier.cpu <= now.cpu && !earlier.at.Before(now.started) {
		window = now.at.Sub(earlier.at)
		if window >= narrowest && window <= widest {
			return (now.cpu - earlier.cpu) / window.Seconds(), window, true
		}
	}
	if now.started.IsZero() {
		return 0, 0, false
	}
	if window = now.at.Sub(now.started); window < narrowest || window > widest {
		return 0, 0, false
	}
	return now.cpu / window.Seconds(), window, true
}

// memory is two pages of the same kubelet.
type memory struct{ earlier, latest *page }

// add remembers a page. One that is hardly newer than the last, or no newer, as of a kubelet that measures
// seldom, takes the last one's place but is compared with the one before.
func (m memory) add(p *page) memory {
	if m.latest == nil || p.at.Sub(m.latest.at) > widest {
		return memory{latest: p}
	}
	if p.at.Sub(m.latest.at) < narrowest {
		return memory{m.earlier, p}
	}
	return memory{m.latest, p}
}

// before returns the earlier page, an empty one if there is none.
func (m memory) before() *page {
	if m.earlier == nil {
		return &page{}
	}
	return m.earlier
}
