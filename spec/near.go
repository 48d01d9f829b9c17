package spec

import (
	"cmp"
	"slices"
	"strings"
)

// Near returns at most limit of the candidates that somebody who typed text may have meant:
// those that contain it or a word of it first, then those few letters away, best first.
func Near(text string, candidates []string, limit int) []string {
	type scored struct {
		candidate string
		distance  int
	}
	var near []scored
	for _, candidate := range candidates {
		if d := closeness(strings.ToLower(text), candidate); d <= max(3, len(text)/3) {
			near = append(near, scored{candidate, d})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, n := range near[:min(limit, len(near))] {
		names = append(names, n.candidate)
	}
	return names
}

// closeness is 0 when candidate contains text, 1 when it contains its last path part, else the
// edit distance to the candidate or to the part of it that text seems to name.
func closeness(text, candidate string) int {
	if text == "" {
		return len(candidate)
	}
	if strings.Contains(candidate, text) {
		return 0
	}
	_, name, hasArea := strings.Cut(text, "/")
	if hasArea && name != "" && strings.Contains(candidate, name) {
		return 1
	}
	area, rest, _ := strings.Cut(candidate, "/")
	return min(edits(text, candidate), edits(text, area), edits(text, rest))
}

// edits is the Levenshtein distance of a and b: insertions, deletions and replacements of one byte.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
