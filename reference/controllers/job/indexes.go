package job

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// interval is a run of completion indexes, both ends included.
type interval struct{ first, last int }

// indexes is a set of completion indexes: its intervals are ordered and neither overlap nor touch.
type indexes []interval

// parseIndexes reads the text of completedIndexes, failedIndexes or succeededIndexes, and leaves out what is not
// below completions: a Job that has been made smaller forgets the indexes that it no longer has.
func parseIndexes(text string, completions int) (indexes, error) {
	var set indexes
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := parseIndex(from)
		if err != nil {
			return nil, err
		}
		last := first
		if isRange {
			if last, err = parseIndex(to); err != nil {
				return nil, err
			}
		}
		if last < first || len(set) > 0 && first <= set[len(set)-1].last {
			return nil, fmt.Errorf("the indexes %q are not in increasing order at %q", text, part)
		}
		if first >= completions {
			break
		}
		set = set.extend(interval{first, min(last, completions-1)})
	}
	return set, nil
}

func parseIndex(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not an index: %w", text, err)
	}
	return int(n), nil
}

// extend adds an interval that begins after the beginning of the last one.
func (s indexes) extend(next interval) indexes {
	if n := len(s); n > 0 && next.first <= s[n-1].last+1 {
		s[n-1].last = max(s[n-1].last, next.last)
		return s
	}
	return append(s, next)
}

// String is the text form: numbers and intervals in increasing order, where an interval has at least three.
func (s indexes) String() string {
	var b strings.Builder
	for _, run := range s {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(run.first))
		if run.last == run.first {
			continue
		}
		if run.last == run.first+1 {
			b.WriteByte(',')
		} else {
			b.WriteByte('-')
		}
		b.WriteString(strconv.Itoa(run.last))
	}
	return b.String()
}

// has reports whether the index is in the set.
func (s indexes) has(index int) bool {
	_, found := slices.BinarySearchFunc(s, index, func(run interval, index int) int {
		switch {
		case run.last < index:
			return -1
		case run.first > index:
			return 1
		}
		return 0
	})
	return found
}

// total is how many indexes there are in the set.
func (s indexes) total() int {
	total := 0
	for _, run := range s {
		total += run.last - run.first + 1
	}
	return total
}

// union is the set of the indexes that are in either.
func (s indexes) union(other indexes) indexes {
	all := slices.Concat(s, other)
	slices.SortFunc(all, func(a, b interval) int { return cmp.Compare(a.first, b.first) })
	var union indexes
	for _, run := range all {
		union = union.extend(run)
	}
	return union
}

// with is the set and those indexes.
func (s indexes) with(more []int) indexes { return s.union(setOf(more)) }

// setOf is the set of the indexes, which may come in any order and several times.
func setOf(list []int) indexes {
	list = slices.Clone(list)
	slices.Sort(list)
	var set indexes
	for _, index := range list {
		set = set.extend(interval{index, index})
	}
	return set
}

// common is how many indexes are in both.
func (s indexes) common(other indexes) int {
	total := 0
	for i, j := 0, 0; i < len(s) && j < len(other); {
		from, to := max(s[i].first, other[j].first), min(s[i].last, other[j].last)
		if from <= to {
			total += to - from + 1
		}
		if s[i].last < other[j].last {
			i++
		} else {
			j++
		}
	}
	return total
}

// free are the first indexes below completions that are not in the set, all of them if there are fewer than count.
func (s indexes) free(count, completions int) []int {
	var free []int
	next := 0
	gap := func(end int) {
		for ; next < end && len(free) < count; next++ {
			free = append(free, next)
		}
	}
	for _, run := range s {
		gap(min(run.first, completions))
		if len(free) == count {
			return free
		}
		next = max(next, run.last+1)
	}
	gap(completions)
	return free
}
