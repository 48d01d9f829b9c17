package nodelifecycle

import (
	"fmt"
	"time"
)

// Options say how patient the controller is, and how fast it evicts.
type Options struct {
	// Grace is how long a node may be silent before it is Unknown, and StartupGrace
	// how long one may that has never reported.
	Grace, StartupGrace time.Duration
	// Period is how long a node has to have been not ready before its pods are
	// evicted, so that the others' state is known, and how often the nodes of a zone
	// in which nothing may be evicted are looked at again.
	Period time.Duration
	// EvictionRate is how many nodes a second are tainted NoExecute in a zone that
	// is well, or down as a whole while others are not; so that a fault of the
	// control plane's own network does not empty the cluster. SecondaryRate is the
	// one in a zone that is partly disrupted, if it has more than LargeZone nodes;
	// in a smaller one nothing is evicted then.
	EvictionRate, SecondaryRate float64
	LargeZone                   int
	// UnhealthyShare is the part of a zone's nodes from which on it counts as partly
	// disrupted, if more than two of them are not ready.
	UnhealthyShare float64
}

// Default is how kube-controller-manager v1.37 does it. A node's 50 s are long
// enough for five reports of a kubelet, one every 10 s, and were 40 s before v1.32.
func Default() Options {
	return Options{
		Grace: 50 * time.Second, StartupGrace: time.Minute, Period: 5 * time.Second,
		EvictionRate: 0.1, SecondaryRate: 0.01, LargeZone: 50, UnhealthyShare: 0.55,
	}
}

// Complete makes options of which none is set the default ones, and says what is
// wrong with others.
func (o *Options) Complete() error {
	if *o == (Options{}) {
		*o = Default()
	}
	return o.check()
}

func (o *Options) check() error {
	for name, d := range map[string]time.Duration{
		"node monitor grace period": o.Grace, "node startup grace period": o.StartupGrace, "node monitor period": o.Period,
	} {
		if d <= 0 {
			return fmt.Errorf("the %s must be positive, not %s", name, d)
		}
	}
	if o.EvictionRate < 0 || o.SecondaryRate < 0 {
		return fmt.Errorf("nodes cannot be evicted at rates of %g and %g a second", o.EvictionRate, o.SecondaryRate)
	}
	if o.UnhealthyShare < 0 || o.UnhealthyShare > 1 {
		return fmt.Errorf("the unhealthy zone threshold must be between 0 and 1, not %g", o.UnhealthyShare)
	}
	return nil
}
