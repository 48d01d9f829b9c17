package cronjob

import (
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/robfig/cron/v3"
)

// timetable is a schedule in a place on earth.
type timetable struct {
	schedule cron.Schedule
	zone     *time.Location
}

// errNever tells of a schedule such as February 31, which the parser lets pass.
var errNever = errors.New("time difference between two schedules is less than 1 second")

// namesZone reports whether the schedule itself has a time zone, as it could
// before there was a field for it.
func namesZone(schedule string) bool { return strings.Contains(schedule, "TZ") }

// parse reads the schedule. The zone is the one that it names itself, the one of
// the field, or the controller's own, in this order.
func parse(spec *batchv1.CronJobSpec) (timetable, error) {
	text, zone := spec.Schedule, time.Local
	switch {
	case strings.HasPrefix(text, "TZ="), strings.HasPrefix(text, "CRON_TZ="):
		prefix, rest, _ := strings.Cut(text, " ")
		_, name, _ := strings.Cut(prefix, "=")
		found, err := time.LoadLocation(name)
		if err != nil {
			return timetable{}, fmt.Errorf("provided bad location %s: %w", name, err)
		}
		text, zone = strings.TrimSpace(rest), found
	case spec.TimeZone != nil:
		found, err := time.LoadLocation(*spec.TimeZone)
		if err != nil {
			return timetable{}, err
		}
		zone = found
	}
	schedule, err := cron.ParseStandard(text)
	if err != nil {
		return timetable{}, err
	}
	return timetable{schedule: schedule, zone: zone}, nil
}

// after returns the first time of the schedule that is later than t; zero if
// there is none.
func (s timetable) after(t time.Time) time.Time { return s.schedule.Next(t.In(s.zone)) }

// latest returns the last time of the schedule that is later than since and not
// later than now; zero if there is none. A schedule of intervals counts them
// from since.
func (s timetable) latest(since, now time.Time) time.Time {
	first := s.after(since)
	if first.IsZero() || first.After(now) {
		return time.Time{}
	}
	if every, ok := s.schedule.(cron.ConstantDelaySchedule); ok {
		return first.Add(now.Sub(first).Truncate(every.Delay))
	}
	// The next time after low has come, the one after high has not. Whatever the
	// schedule, halving finds the moment between in a few dozen steps, be it a
	// minute or ten years ago.
	low, high := since.Truncate(time.Second), now.Truncate(time.Second)
	for high.Sub(low) > time.Second {
		middle := low.Add((high.Sub(low) / 2).Truncate(time.Second))
		if next := s.after(middle); next.IsZero() || next.After(now) {
			high = middle
		} else {
			low = middle
		}
	}
	return s.after(low)
}

// upcoming returns the first time of the schedule that is later than now.
func (s timetable) upcoming(since, now time.Time) time.Time {
	if _, ok := s.schedule.(cron.ConstantDelaySchedule); !ok {
		return s.after(now)
	}
	if latest := s.latest(since, now); !latest.IsZero() {
		return s.after(latest)
	}
	return s.after(since)
}

// atLeast reports whether the schedule has so many times that are later than
// since and not later than now.
func (s timetable) atLeast(count int, since, now time.Time) bool {
	for range count {
		since = s.after(since)
		if since.IsZero() || since.After(now) {
			return false
		}
	}
	return true
}
