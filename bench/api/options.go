// Package api measures the API server: writes, lists, watches and the start, each beside a bare server
// of pods on the same etcd (package ceiling) in the same run, so that the figures are ratios and not
// a machine's speed.
package api

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Encodings of requests and answers.
const (
	JSON     = "json"
	Protobuf = "protobuf"
)

// Options say how much is measured.
type Options struct {
	// Rounds is how often each workload is measured on each server, in turn. The table has medians.
	Rounds int
	// Clients write at the same time, each on a connection of its own.
	Clients int
	// Writes is how many pods each round of create, update and bind writes.
	Writes int
	// ListSize is how many pods a list has, Lists how many lists a round takes.
	ListSize, Lists int
	// Watchers are the numbers of watchers that events fan out to.
	Watchers []int
	// Deliveries is how many events reach watchers in a round, all watchers together; no fewer than five to each.
	Deliveries int
	// Starts is how often each server is started on an empty disk.
	Starts int
	// Encodings are JSON, Protobuf or both.
	Encodings []string
	// Fsync makes both servers' etcd wait for the disk, and so measures the disk.
	Fsync bool
	// Progress is told what is being measured.
	Progress io.Writer
}

// DefaultOptions take about two minutes on two cores.
func DefaultOptions() Options {
	return Options{
		Rounds: 3, Clients: 8, Writes: 2000, ListSize: 10000, Lists: 5,
		Watchers: []int{1, 100, 1000}, Deliveries: 10000, Starts: 10, Encodings: []string{JSON, Protobuf},
	}
}

func (o Options) validate() error {
	for flag, n := range map[string]int{
		"--rounds": o.Rounds, "--clients": o.Clients, "--writes": o.Writes, "--list-size": o.ListSize, "--lists": o.Lists,
		"--deliveries": o.Deliveries, "--starts": o.Starts, "--watchers": slices.Min(append([]int{1}, o.Watchers...)),
	} {
		if n < 1 {
			return fmt.Errorf("%s: %d is not positive", flag, n)
		}
	}
	if len(o.Encodings) == 0 {
		return errors.New("--encodings is empty")
	}
	for _, e := range o.Encodings {
		if e != JSON && e != Protobuf {
			return fmt.Errorf("--encodings: %q is neither %s nor %s", e, JSON, Protobuf)
		}
	}
	return nil
}
