package job

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestIndexesText(t *testing.T) {
	for _, c := range []struct {
		list []int
		want string
	}{
		{nil, ""}, {[]int{0}, "0"}, {[]int{0, 1}, "0,1"}, {[]int{0, 1, 2}, "0-2"},
		{[]int{1, 3, 4, 5, 7}, "1,3-5,7"}, {[]int{9, 3, 9, 2, 11, 10}, "2,3,9-11"},
	} {
		if got := setOf(c.list).String(); got != c.want {
			t.Errorf("%v is written %q, want %q", c.list, got, c.want)
		}
	}
}

func TestParseIndexes(t *testing.T) {
	for _, c := range []struct{ text, want, wrong string }{
		{"", "", ""}, {"3", "3", ""}, {"1,2,3", "1-3", ""}, {"1,3-5,7", "1,3-5,7", ""}, {"0-3,8-12", "0-3,8,9", ""}, {"12,14", "", ""},
		{"4-4", "4", ""}, {"a", "", "no number"}, {"3,3", "", "twice"}, {"3-1", "", "backward"}, {"1-", "", "open"}, {"-1", "", "negative"},
		{"1,,2", "", "empty"}, {"1-2-3", "", "three parts"}, {"+1", "", "sign"}, {"99999999999", "", "too large"},
	} {
		got, err := parseIndexes(c.text, 10)
		if (err != nil) != (c.wrong != "") || err == nil && got.String() != c.want {
			t.Errorf("%q is read as %q, error %v; want %q, %s", c.text, got, err, c.want, c.wrong)
		}
	}
}

// checkIndexes fails if the set is not in its normal form.
func checkIndexes(t rapid.TB, s indexes) {
	for i, run := range s {
		if run.first < 0 || run.last < run.first || i > 0 && run.first <= s[i-1].last+1 {
			t.Fatalf("%v is not ordered, or overlaps, or touches", s)
		}
	}
}

// model is what indexes stand for.
type model map[int]bool

func (m model) sorted() []int { return slices.Sorted(maps.Keys(m)) }

func members(s indexes) model {
	m := model{}
	for _, run := range s {
		for i := run.first; i <= run.last; i++ {
			m[i] = true
		}
	}
	return m
}

func TestIndexesAreSets(t *testing.T) {
	const completions = 40
	list := rapid.SliceOfN(rapid.IntRange(0, completions-1), 0, 30)
	rapid.Check(t, func(t *rapid.T) {
		one, other := list.Draw(t, "one"), list.Draw(t, "other")
		a, b := setOf(one), setOf(other)
		both := a.union(b)
		for _, s := range []indexes{a, b, both} {
			checkIndexes(t, s)
		}
		want := model{}
		for _, i := range slices.Concat(one, other) {
			want[i] = true
		}
		if !maps.Equal(members(both), want) || !maps.Equal(members(a.with(other)), want) {
			t.Fatalf("%v and %v are %v, want %v", a, b, both, want.sorted())
		}
		if both.total() != len(want) {
			t.Fatalf("%v has %d, want %d", both, both.total(), len(want))
		}
		common := 0
		for i := range completions + 2 {
			if both.has(i) != want[i] {
				t.Fatalf("%v has %d: %t", both, i, both.has(i))
			}
			if a.has(i) && b.has(i) {
				common++
			}
		}
		if a.common(b) != common || b.common(a) != common {
			t.Fatalf("%v and %v have %d in common, want %d", a, b, a.common(b), common)
		}
		count, limit := rapid.IntRange(0, completions).Draw(t, "count"), rapid.IntRange(0, completions).Draw(t, "limit")
		var free []int
		for i := 0; i < limit && len(free) < count; i++ {
			if !want[i] {
				free = append(free, i)
			}
		}
		if got := both.free(count, limit); !slices.Equal(got, free) {
			t.Fatalf("the first %d of %d free beside %v are %v, want %v", count, limit, both, got, free)
		}
		again, err := parseIndexes(both.String(), completions)
		if err != nil || !slices.Equal(again, both) {
			t.Fatalf("%q is read as %v, error %v", both, again, err)
		}
		less, err := parseIndexes(both.String(), limit)
		maps.DeleteFunc(want, func(i int, _ bool) bool { return i >= limit })
		if err != nil || !maps.Equal(members(less), want) {
			t.Fatalf("%q below %d is read as %v, error %v", both, limit, less, err)
		}
	})
}

func FuzzParseIndexes(f *testing.F) {
	for _, text := range []string{"", "0", "1,3-5,7", "0-99", "5,4", "1-", "a"} {
		f.Add(text, 100)
	}
	f.Fuzz(func(t *testing.T, text string, completions int) {
		set, err := parseIndexes(text, completions)
		if err != nil {
			return
		}
		checkIndexes(t, set)
		if len(set) > 0 && set[len(set)-1].last >= completions {
			t.Fatalf("%q has %v, of %d completions", text, set, completions)
		}
		again, err := parseIndexes(set.String(), completions)
		if err != nil || !slices.Equal(again, set) {
			t.Fatalf("%q is written %q and read as %v, error %v", text, set, again, err)
		}
	})
}
