package network

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// dumpTries is how often a list is read that changes while it is read. Each time it must have changed
// again for the next to be needed.
const dumpTries = 20

// whole reads a list of the kernel's again while the kernel says that it changed under the reader:
// other clusters come and go at the same time.
func whole[T any](dump func() ([]T, error)) (list []T, err error) {
	for range dumpTries {
		if list, err = dump(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return list, err
		}
	}
	return list, err
}
