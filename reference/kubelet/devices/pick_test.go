package devices

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"
)

func quantityOf(s string) resource.Quantity { return resource.MustParse(s) }

// on reads devices as "a b@0 c@0,1".
func on(text string) []Device {
	var out []Device
	for _, field := range strings.Fields(text) {
		id, nodes, _ := strings.Cut(field, "@")
		d := Device{ID: id, Healthy: true}
		for _, n := range strings.Split(nodes, ",") {
			if n != "" {
				d.NUMA = append(d.NUMA, int(n[0]-'0'))
			}
		}
		out = append(out, d)
	}
	return out
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		name                           string
		count                          int
		reusable, available, preferred string
		affinity                       []int
		want                           string
	}{
		{name: "first by name", count: 2, available: "c b a", want: "a b"},
		{name: "too few", count: 3, available: "a", want: "a"},
		{name: "what init containers left first", count: 2, reusable: "y z", available: "a b", want: "y z"},
		{name: "and no more of it than wanted", count: 1, reusable: "y z", available: "a", want: "y"},
		{name: "some of both", count: 3, reusable: "y z", available: "a b", want: "a y z"},
		{name: "what the plugin prefers", count: 2, available: "a b c d", preferred: "d c", want: "c d"},
		{name: "but only what is free", count: 2, available: "a b", preferred: "x b", want: "a b"},
		{name: "close to the nodes", count: 1, available: "a@0 b@1 c", affinity: []int{1}, want: "b"},
		{name: "close before preferred", count: 2, available: "a@0 b@1 c@0", affinity: []int{1}, preferred: "a c", want: "a b"},
		{name: "preferred among the close", count: 1, available: "a@0 b@0", affinity: []int{0}, preferred: "b", want: "b"},
		{name: "close to others before close to none", count: 2, available: "a b@0 c@1", affinity: []int{0}, want: "b c"},
		{name: "one of several nodes is enough", count: 1, available: "a@0 b@1,2", affinity: []int{2}, want: "b"},
	} {
		got := choice{count: c.count, reusable: strings.Fields(c.reusable), available: on(c.available), preferred: strings.Fields(c.preferred), affinity: c.affinity}.pick()
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
	}
}

func TestQuestion(t *testing.T) {
	for _, c := range []struct {
		count                     int
		reusable, available       string
		affinity                  []int
		wantAvailable, wantToHave string
	}{
		{2, "", "a b c", nil, "a b c", ""},
		{2, "z", "a b", nil, "a b z", "z"},
		{1, "", "a@0 b@0 c@1", []int{0}, "a b", ""},
		{3, "", "a@0 b@0 c@1 d@1", []int{0}, "a b c d", "a b"},
	} {
		from, must := choice{count: c.count, reusable: strings.Fields(c.reusable), available: on(c.available), affinity: c.affinity}.question()
		if strings.Join(from, " ") != c.wantAvailable || strings.Join(must, " ") != c.wantToHave {
			t.Errorf("%d of %s: asked of %v with %v", c.count, c.available, from, must)
		}
	}
}

func TestPickGivesWhatThereIsAndNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var available []Device
		var reusable []string
		for i := range rapid.IntRange(0, 12).Draw(t, "devices") {
			d := Device{ID: fmt.Sprint("d", i), NUMA: rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 0, 2, rapid.ID[int]).Draw(t, "numa")}
			if rapid.Bool().Draw(t, "reusable") {
				reusable = append(reusable, d.ID)
			} else {
				available = append(available, d)
			}
		}
		c := choice{
			count: rapid.IntRange(0, 14).Draw(t, "count"), reusable: reusable, available: available,
			affinity:  rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 0, 3, rapid.ID[int]).Draw(t, "affinity"),
			preferred: rapid.SliceOf(rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("d", rapid.IntRange(0, 14).Draw(t, "id")) })).Draw(t, "preferred"),
		}
		got := c.pick()
		if want := min(c.count, len(reusable)+len(available)); len(got) != want {
			t.Fatalf("got %d devices, want %d", len(got), want)
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("got %v", got)
		}
		near, far := 0, 0
		for _, d := range available {
			switch {
			case distance(d, c.affinity) == 0 && !slices.Contains(got, d.ID):
				near++
			case distance(d, c.affinity) > 0 && slices.Contains(got, d.ID):
				far++
			}
		}
		if near > 0 && far > 0 {
			t.Fatalf("%d devices far away were taken, and %d close ones left", far, near)
		}
		for _, id := range got {
			if !slices.Contains(reusable, id) && !slices.ContainsFunc(available, func(d Device) bool { return d.ID == id }) {
				t.Fatalf("%s is not to be had", id)
			}
		}
	})
}
