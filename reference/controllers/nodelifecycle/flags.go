package nodelifecycle

import "github.com/spf13/pflag"

// AddFlags adds the options under their documented names.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	d := Default()
	flags.DurationVar(&o.Grace, "node-monitor-grace-period", d.Grace, "how long a node may be silent before it is marked unreachable")
	flags.DurationVar(&o.StartupGrace, "node-startup-grace-period", d.StartupGrace, "how long a node that has never reported may be silent")
	flags.DurationVar(&o.Period, "node-monitor-period", d.Period,
		"how long a node has to have been not ready before its pods are evicted, and how often it is asked whether any may be")
	flags.Float64Var(&o.EvictionRate, "node-eviction-rate", d.EvictionRate, "how many nodes a second are evicted in a zone that is well, or that is down as a whole")
	flags.Float64Var(&o.SecondaryRate, "secondary-node-eviction-rate", d.SecondaryRate,
		"how many nodes a second are evicted in a large zone of which a good part is not ready; in a small one none are")
	flags.IntVar(&o.LargeZone, "large-cluster-size-threshold", d.LargeZone, "more nodes than that are a large zone")
	flags.Float64Var(&o.UnhealthyShare, "unhealthy-zone-threshold", d.UnhealthyShare,
		"the part of a zone's nodes, and at least three, that are not ready where it is not well")
}
