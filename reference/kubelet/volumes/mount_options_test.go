package volumes

import (
	"slices"
	"testing"
)

func TestWhatIsInMemoryIsNotSwapped(t *testing.T) {
	for _, c := range []struct {
		size  int64
		swaps bool
		want  []string
	}{
		{0, false, []string{""}},
		{7, false, []string{"size=7"}},
		{0, true, []string{"noswap", ""}},
		{7, true, []string{"size=7,noswap", "size=7"}},
	} {
		if got := tmpfsOptions(c.size, c.swaps); !slices.Equal(got, c.want) {
			t.Errorf("%d, %t: got %q, want %q", c.size, c.swaps, got, c.want)
		}
	}
}
