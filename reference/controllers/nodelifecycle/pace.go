package nodelifecycle

import "time"

// pace spaces the evictions of each zone. It is not safe for concurrent use.
type pace struct {
	recheck time.Duration        // when to ask again where nothing may be evicted for now
	last    map[string]time.Time // the last turn of each zone
}

func newPace(recheck time.Duration) *pace {
	return &pace{recheck: recheck, last: map[string]time.Time{}}
}

// turn takes the zone's next turn if it has come, and otherwise returns how long
// it still is until then. The first turn of a zone comes at once.
func (p *pace) turn(zone string, perSecond float64, now time.Time) time.Duration {
	if perSecond <= 0 {
		return p.recheck
	}
	interval := time.Duration(float64(time.Second) / perSecond)
	if last, ok := p.last[zone]; ok {
		if wait := last.Add(interval).Sub(now); wait > 0 {
			return wait
		}
	}
	p.last[zone] = now
	return 0
}

// giveBack makes the zone's next turn come at once: the last one came to nothing.
func (p *pace) giveBack(zone string) { delete(p.last, zone) }
