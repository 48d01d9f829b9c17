// Package pods measures what a node needs for pods: the time from a pod's creation until it is Ready beside the time of
// the same steps asked of the container runtime alone, for one pod and for many at once, how many pods a node runs, and
// what the agent and the runtime cost when nothing happens.
//
// The runtime is the node's own, reached through its socket; pods and raw sandboxes take turns, so that both see the
// same machine.
package pods

import (
	"fmt"
	"io"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster"
)

// Options say what is measured.
type Options struct {
	// Rounds is how many pods are started one after another.
	Rounds int
	// AtOnce is how many are started at the same time.
	AtOnce int
	// Full is how many pods the node is filled with in the end, with a liveness probe each.
	Full int
	// Rest is how long the node is watched when nothing happens.
	Rest time.Duration
	// Timeout bounds every wait.
	Timeout time.Duration
	// KubeletConfigFile is the node's KubeletConfiguration. Optional.
	KubeletConfigFile string
	// Progress is told what is being done.
	Progress io.Writer

	// up has where our own cluster comes from.
	up cluster.Options
}

// DefaultOptions take some four minutes on two cores.
func DefaultOptions() Options {
	return Options{Rounds: 30, AtOnce: 30, Full: 110, Rest: 30 * time.Second, Timeout: 5 * time.Minute}
}

func (o Options) validate() error {
	for flag, n := range map[string]int{"--rounds": o.Rounds, "--at-once": o.AtOnce, "--full": o.Full} {
		if n < 1 {
			return fmt.Errorf("%s: %d is not positive", flag, n)
		}
	}
	if o.Full < o.AtOnce {
		return fmt.Errorf("--full: %d is less than --at-once, %d", o.Full, o.AtOnce)
	}
	if o.Rest <= 0 || o.Timeout <= 0 {
		return fmt.Errorf("--rest and --timeout must be positive")
	}
	return nil
}
