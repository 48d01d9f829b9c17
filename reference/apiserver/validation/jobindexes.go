package validation

import (
	"fmt"
	"strconv"
	"strings"
)

// countIndexes reads indexes of an indexed Job, such as "0,2-4", and says how many they are. They must
// increase and be less than completions.
func countIndexes(text string, completions int32) (total int32, err error) {
	if text == "" {
		return 0, nil
	}
	last := int32(-1)
	for i, part := range strings.Split(text, ",") {
		from, to, err := indexRange(part, completions)
		if err != nil {
			return 0, err
		}
		if i > 0 && last >= from {
			return 0, fmt.Errorf("non-increasing order, previous: %d, current: %d", last, from)
		}
		total += to - from + 1
		last = to
	}
	return total, nil
}

func indexRange(text string, completions int32) (from, to int32, err error) {
	limits := strings.Split(text, "-")
	if len(limits) > 2 {
		return 0, 0, fmt.Errorf("the fragment %q violates the requirement that an index interval can have at most two parts separated by '-'", text)
	}
	var n [2]int
	for i, limit := range limits {
		if n[i], err = strconv.Atoi(limit); err != nil {
			return 0, 0, fmt.Errorf("cannot convert string to integer for index: %q", limit)
		}
		if n[i] >= int(completions) {
			return 0, 0, fmt.Errorf("too large index: %q", limit)
		}
	}
	if len(limits) == 1 {
		return int32(n[0]), int32(n[0]), nil
	}
	if n[0] >= n[1] {
		return 0, 0, fmt.Errorf("non-increasing order, previous: %d, current: %d", n[0], n[1])
	}
	return int32(n[0]), int32(n[1]), nil
}
