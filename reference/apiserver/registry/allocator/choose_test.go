package allocator

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// Every number of the range is offered exactly once, the reserved band last.
func TestCandidates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 300).Draw(t, "size")
		reserved := rapid.IntRange(0, size).Draw(t, "reserved")
		random := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "random") }
		seen := map[int]bool{}
		for n := range candidates(size, reserved, random) {
			if n < 0 || n >= size || seen[n] {
				t.Fatalf("%d is out of range or offered twice", n)
			}
			if n < reserved && len(seen) < size-reserved {
				t.Fatalf("%d is of the reserved band, offered while others are left", n)
			}
			seen[n] = true
		}
		if len(seen) != size {
			t.Fatalf("offered %d of %d numbers", len(seen), size)
		}
	})
}

func TestReservedBand(t *testing.T) {
	for _, c := range []struct{ size, want int }{
		{size: 8, want: 0}, {size: 254, want: 16}, {size: 1 << 20, want: 256}, {size: 1024, want: 64},
	} {
		if got := reservedBand(c.size, 16, 16, 256); got != c.want {
			t.Errorf("reservedBand(%d) = %d, want %d", c.size, got, c.want)
		}
	}
}

// choose finds a free number if there is one, however few there are, and asks who holds what once at most.
func TestChoose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 200).Draw(t, "size")
		occupied := map[int]bool{}
		for n := range size {
			if rapid.IntRange(0, 9).Draw(t, "taken") > 0 {
				occupied[n] = true
			}
		}
		taken, asked, tries := errors.New("taken"), 0, 0
		got, err := choose(context.Background(), size, size/10, taken, func(n int) error {
			tries++
			if occupied[n] {
				return taken
			}
			return nil
		}, func(context.Context) (map[int]bool, error) { asked++; return occupied, nil })
		switch {
		case len(occupied) == size && !errors.Is(err, ErrFull):
			t.Fatalf("a full range gave %d, %v", got, err)
		case len(occupied) < size && (err != nil || occupied[got]):
			t.Fatalf("gave %d, %v", got, err)
		case asked > 1 || tries > guesses+1:
			t.Fatalf("asked %d times, tried %d numbers", asked, tries)
		}
	})
}
