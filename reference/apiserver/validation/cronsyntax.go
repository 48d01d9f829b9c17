package validation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cronField is one of the five of a schedule, with the names that may stand for its numbers.
type cronField struct {
	min, max int
	names    []string // of min, min+1, …
}

var cronFields = []cronField{
	{0, 59, nil}, // minute
	{0, 23, nil}, // hour
	{1, 31, nil}, // day of the month
	{1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{0, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

var cronDescriptors = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// checkCron says what is wrong with a schedule in crontab(5) syntax, see
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax.
func checkCron(schedule string) error {
	if strings.HasPrefix(schedule, "@") {
		if every, ok := strings.CutPrefix(schedule, "@every "); ok {
			if _, err := time.ParseDuration(every); err != nil {
				return fmt.Errorf("failed to parse duration %s: %w", schedule, err)
			}
			return nil
		}
		if !slices.Contains(cronDescriptors, schedule) {
			return fmt.Errorf("unrecognized descriptor: %s", schedule)
		}
		return nil
	}
	parts := strings.Fields(schedule)
	if len(parts) != len(cronFields) {
		return fmt.Errorf("expected exactly %d fields, found %d: %s", len(cronFields), len(parts), parts)
	}
	for i, part := range parts {
		for _, item := range strings.Split(part, ",") {
			if err := cronFields[i].check(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// check wants "*", "?", N, N-M, each with an optional /step.
func (f cronField) check(item string) error {
	span, step, stepped := strings.Cut(item, "/")
	if stepped {
		n, err := strconv.Atoi(step)
		switch {
		case err != nil:
			return fmt.Errorf("failed to parse int from %s: %w", step, err)
		case n < 0:
			return fmt.Errorf("negative number (%d) not allowed: %s", n, step)
		case n == 0:
			return fmt.Errorf("step of range should be a positive number: %s", item)
		}
	}
	if span == "*" || span == "?" {
		return nil
	}
	first, last, ranged := strings.Cut(span, "-")
	start, err := f.number(first)
	if err != nil {
		return err
	}
	end := start
	if ranged {
		if end, err = f.number(last); err != nil {
			return err
		}
	}
	switch {
	case start < f.min:
		return fmt.Errorf("beginning of range (%d) below minimum (%d): %s", start, f.min, item)
	case end > f.max:
		return fmt.Errorf("end of range (%d) above maximum (%d): %s", end, f.max, item)
	case start > end:
		return fmt.Errorf("beginning of range (%d) beyond end of range (%d): %s", start, end, item)
	}
	return nil
}

func (f cronField) number(s string) (int, error) {
	if i := slices.Index(f.names, strings.ToLower(s)); i >= 0 {
		return f.min + i, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("failed to parse int from %s: %w", s, err)
	}
	if n < 0 {
		return 0, fmt.Errorf("negative number (%d) not allowed: %s", n, s)
	}
	return n, nil
}
