package horizontalpodautoscaler

import "github.com/spf13/pflag"

// AddFlags adds the options under their documented names.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	const prefix = "horizontal-pod-autoscaler-"
	o.Tolerance = flags.Float64(prefix+"tolerance", DefaultTolerance,
		"how far a metric's ratio to its target may be from 1 before the target is scaled, where the autoscaler does not say")
	flags.DurationVar(&o.SyncPeriod, prefix+"sync-period", DefaultSyncPeriod, "how often each autoscaler is looked at")
	flags.DurationVar(&o.DownscaleStabilization, prefix+"downscale-stabilization", DefaultDownscaleStabilization,
		"how long a recommendation stands in the way of a lower one, where the autoscaler does not say")
	flags.DurationVar(&o.CPUInitializationPeriod, prefix+"cpu-initialization-period", DefaultCPUInitializationPeriod,
		"how long after its start a pod's CPU counts only if it was measured while the pod was ready")
	flags.DurationVar(&o.InitialReadinessDelay, prefix+"initial-readiness-delay", DefaultInitialReadinessDelay,
		"how long after its start a pod that is unready counts as never having been ready")
}
