package network

import (
	"errors"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestAListIsReadUntilItIsWhole(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		answers []error
		want    error
		asked   int
	}{
		"whole at once":           {[]error{nil}, nil, 1},
		"changed while read":      {[]error{netlink.ErrDumpInterrupted, netlink.ErrDumpInterrupted, nil}, nil, 3},
		"broken is not asked for": {[]error{netlink.ErrDumpInterrupted, broken, nil}, broken, 2},
	} {
		asked := 0
		list, err := whole(func() ([]int, error) {
			asked++
			return []int{asked}, c.answers[asked-1]
		})
		if !errors.Is(err, c.want) || asked != c.asked || !slices.Equal(list, []int{asked}) {
			t.Errorf("%s: got %v, %v after %d; wanted %v after %d", name, list, err, asked, c.want, c.asked)
		}
	}
	asked := 0
	if _, err := whole(func() ([]int, error) { asked++; return nil, netlink.ErrDumpInterrupted }); err == nil || asked != dumpTries {
		t.Errorf("a list that is never whole: got %v after %d", err, asked)
	}
}
