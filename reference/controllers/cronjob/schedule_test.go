package cronjob

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func table(t testing.TB, schedule, zone string) timetable {
	t.Helper()
	spec := &batchv1.CronJobSpec{Schedule: schedule}
	if zone != "" {
		spec.TimeZone = ptr.To(zone)
	}
	parsed, err := parse(spec)
	if err != nil {
		t.Fatalf("%s: %v", schedule, err)
	}
	return parsed
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// The times of a schedule, those of the days included on which clocks are changed.
func TestScheduleTimes(t *testing.T) {
	for name, test := range map[string]struct {
		schedule, zone, since string
		want                  []string
	}{
		"steps":          {"*/20 * * * *", "UTC", "2026-01-01T23:50:00Z", []string{"2026-01-02T00:00:00Z", "2026-01-02T00:20:00Z", "2026-01-02T00:40:00Z"}},
		"step from":      {"40/10 3 * * *", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-01T03:40:00Z", "2026-01-01T03:50:00Z", "2026-01-02T03:40:00Z"}},
		"list and range": {"0 8-9,17 * * *", "UTC", "2026-01-01T08:30:00Z", []string{"2026-01-01T09:00:00Z", "2026-01-01T17:00:00Z", "2026-01-02T08:00:00Z"}},
		"names":          {"0 0 * feb MON", "UTC", "2026-01-31T00:00:00Z", []string{"2026-02-02T00:00:00Z", "2026-02-09T00:00:00Z"}},
		// Where both are restricted, either day will do.
		"day of month or week": {"0 0 13 * fri", "UTC", "2026-01-09T12:00:00Z", []string{"2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z"}},
		"leap day":             {"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
		"macro":                {"@weekly", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"}},
		"every":                {"@every 90s", "UTC", "2026-01-01T00:00:10Z", []string{"2026-01-01T00:01:40Z", "2026-01-01T00:03:10Z"}},
		"zone":                 {"0 9 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", []string{"2026-01-01T03:30:00Z"}},
		"zone in the schedule": {"CRON_TZ=Asia/Tokyo 0 9 * * *", "", "2026-01-01T01:00:00Z", []string{"2026-01-02T00:00:00Z"}},
		// Berlin, 2026-03-29: 02:00 to 03:00 does not exist.
		"spring, daily in the gap": {"30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", []string{"2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"}},
		"spring, daily after it":   {"30 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:30:00Z", "2026-03-30T01:30:00Z"}},
		"spring, hourly":           {"0 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
		// Berlin, 2026-10-25: 02:00 to 03:00 comes twice.
		"autumn, daily in the fold": {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"}},
		"autumn, hourly":            {"0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", []string{"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}},
		// New York, 2026-03-08 and 2026-11-01.
		"spring, weekly": {"0 1 * * 0", "America/New_York", "2026-03-07T00:00:00Z", []string{"2026-03-08T06:00:00Z", "2026-03-15T05:00:00Z"}},
		"autumn, noon":   {"0 12 * * *", "America/New_York", "2026-10-31T17:00:00Z", []string{"2026-11-01T17:00:00Z"}},
		// Lord Howe moves by half an hour: 2026-10-04, 02:00 to 02:30 is skipped.
		"half an hour": {"15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00:00Z", []string{"2026-10-04T15:15:00Z"}},
		// In Havana midnight itself is skipped, 2026-03-08.
		"no midnight": {"0 0 * * *", "America/Havana", "2026-03-07T06:00:00Z", []string{"2026-03-09T04:00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := table(t, test.schedule, test.zone)
			last := at(t, test.since)
			for _, want := range test.want {
				next := s.after(last)
				if !next.Equal(at(t, want)) {
					t.Fatalf("after %s comes %s, want %s", last.UTC(), next.UTC(), want)
				}
				last = next
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for schedule, want := range map[string]string{
		"* * * *":                "expected exactly 5 fields, found 4: [* * * *]",
		"* * * * 7":              "end of range (7) above maximum (6): 7",
		"@fortnightly":           "unrecognized descriptor: @fortnightly",
		"TZ=Mars/Base * * * * *": "provided bad location Mars/Base: unknown time zone Mars/Base",
		"TZ=UTC":                 "empty spec string",
	} {
		if _, err := parse(&batchv1.CronJobSpec{Schedule: schedule}); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", schedule, err, want)
		}
	}
}

var schedules = []string{
	"* * * * *", "*/7 * * * *", "30 6-16/4 * * 1-5", "0 0 29 2 *", "59 23 31 12 *", "15 2 * * *", "0 */3 * * *", "@monthly",
	"* 6 * * *", "5,55 1-3 * mar,oct sun", "0 0 13 * fri", "@every 1m", "@every 45s", "@every 36h", "59 23 31 2 *",
}

var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata"}

// What halving finds is what walking finds.
func TestLatestIsTheLastOfAll(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		schedule := rapid.SampledFrom(schedules).Draw(r, "schedule")
		s := table(t, schedule, rapid.SampledFrom(zones).Draw(r, "zone"))
		since := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(r, "since"), 0)
		now := since.Add(time.Duration(rapid.Int64Range(0, int64(40*24*time.Hour)).Draw(r, "elapsed")))
		var want time.Time
		count := 0
		for next := s.after(since); !next.IsZero() && !next.After(now); next = s.after(next) {
			want, count = next, count+1
		}
		if got := s.latest(since, now); !got.Equal(want) {
			r.Fatalf("latest of %s between %s and %s is %s, want %s", schedule, since, now, got, want)
		}
		if got := s.atLeast(101, since, now); got != (count > 100) {
			r.Fatalf("more than 100 of %s between %s and %s: %t, there are %d", schedule, since, now, got, count)
		}
		upcoming := s.upcoming(since, now)
		if want.IsZero() {
			want = since
		}
		if next := s.after(want); !upcoming.Equal(next) {
			r.Fatalf("after %s comes %s, want %s", now, upcoming, next)
		}
	})
}

// No schedule makes the controller panic or loop; what it takes, it takes to be in the future.
func FuzzParse(f *testing.F) {
	for _, schedule := range schedules {
		f.Add(schedule)
	}
	f.Add("TZ=UTC 0 * * * *")
	f.Add("TZ=0")
	f.Add("@every -1h")
	f.Add("CRON_TZ= @every 10ns")
	now := time.Date(2026, 11, 21, 6, 0, 0, 5, time.UTC)
	f.Fuzz(func(t *testing.T, schedule string) {
		s, err := parse(&batchv1.CronJobSpec{Schedule: schedule})
		if err != nil {
			return
		}
		if next := s.after(now); !next.IsZero() && !next.After(now) {
			t.Errorf("after %s comes %s", now, next)
		}
	})
}
