package allocator

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
)

// candidates yields every number in [0, size) once: from a random start upwards through
// [reserved, size), then from a random start through [0, reserved). So what users choose by hand,
// at the low end, rarely meets what is chosen for them (KEP-3070).
func candidates(size, reserved int, random func(n int) int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, band := range [][2]int{{reserved, size}, {0, reserved}} {
			low, n := band[0], band[1]-band[0]
			if n <= 0 {
				continue
			}
			start := random(n)
			for i := range n {
				if !yield(low + (start+i)%n) {
					return
				}
			}
		}
	}
}

// reservedBand is how many numbers at the low end of a range of the given size are kept for
// explicit choices: a part of it, within bounds.
func reservedBand(size, part, least, most int) int {
	if size < least {
		return 0
	}
	return min(max(size/part, least), most)
}

// guesses is how often choose tries its luck before it looks which numbers are taken.
const guesses = 8

// choose takes the first candidate that is free. take returns taken for one that is not.
func choose(ctx context.Context, size, reserved int, taken error, take func(int) error, occupied func(context.Context) (map[int]bool, error)) (int, error) {
	var known map[int]bool
	tries := 0
	for n := range candidates(size, reserved, rand.IntN) {
		if known[n] {
			continue
		}
		if tries++; tries > guesses && known == nil {
			var err error
			if known, err = occupied(ctx); err != nil {
				return 0, err
			}
			if known[n] {
				continue
			}
		}
		if err := take(n); err == nil {
			return n, nil
		} else if !errors.Is(err, taken) {
			return 0, err
		}
	}
	return 0, ErrFull
}
