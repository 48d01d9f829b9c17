package logs

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRotated(t *testing.T) {
	got := rotated("0.log", []string{
		"0.log", "0.log.20260102-000000", "0.log.20260101-000000.gz", "10.log.20260101-000000", "0.log.20260103-000000.gz.tmp",
		"0.log.20260103-000000.tmp", "0.log.old", "0.log.20260102-000000.gz", "0.log.20260103-000000.gz", "0.log.20260103-000000",
	})
	want := []string{"0.log.20260101-000000.gz", "0.log.20260102-000000", "0.log.20260103-000000"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestExcess(t *testing.T) {
	for _, c := range []struct {
		files            []string
		keep             int
		remove, compress []string
	}{
		{nil, 5, nil, nil},
		{[]string{"a"}, 5, nil, []string{"a"}},
		{[]string{"a.gz", "b.gz", "c"}, 5, nil, []string{"c"}},
		{[]string{"a.gz", "b.gz", "c.gz", "d"}, 5, []string{"a.gz"}, []string{"d"}},
		{[]string{"a"}, 2, []string{"a"}, nil},
	} {
		remove, compress := excess(c.files, c.keep)
		if !slices.Equal(remove, c.remove) || !slices.Equal(compress, c.compress) {
			t.Errorf("%v, %d: remove %v, compress %v; want %v, %v", c.files, c.keep, remove, compress, c.remove, c.compress)
		}
	}
}

func TestExcessLeavesRoomForOneMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var files []string
		for i := range rapid.IntRange(0, 20).Draw(t, "files") {
			files = append(files, fmt.Sprintf("%03d%s", i, rapid.SampledFrom([]string{"", ".gz"}).Draw(t, "form")))
		}
		keep := rapid.IntRange(2, 10).Draw(t, "keep")
		remove, compress := excess(files, keep)
		// The present one, and what it is renamed to.
		if left := len(files) - len(remove) + 2; left > keep {
			t.Fatalf("%d files would be left of at most %d", left, keep)
		}
		for i, name := range remove {
			if name != files[i] {
				t.Fatalf("removed %v, which are not the oldest of %v", remove, files)
			}
		}
		for _, name := range compress {
			if slices.Contains(remove, name) {
				t.Fatalf("%s is removed and compressed", name)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("2026-01-01T00:00:00.000000001Z stdout F hello\n"))
	f.Add([]byte("2026-01-01T00:00:00Z stderr P:x \n"))
	f.Add([]byte(" \n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if l, err := parse(raw); err == nil && len(l.text) > len(raw) {
			t.Errorf("%q holds %q", raw, l.text)
		}
	})
}
