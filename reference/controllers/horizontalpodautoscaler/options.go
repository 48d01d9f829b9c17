package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"time"
)

// Options are what is the same for all autoscalers. The zero value of each is its documented default.
type Options struct {
	// SyncPeriod is how often each autoscaler is looked at; 15 s if zero.
	SyncPeriod time.Duration
	// DownscaleStabilization is the window of scaling down where an autoscaler names none; 5 min if zero.
	DownscaleStabilization time.Duration
	// Tolerance is how far the ratio of a metric to its target may be from 1 before anything is done, where an
	// autoscaler names none; 0.1 if nil.
	Tolerance *float64
	// CPUInitializationPeriod is how long after a pod's start its CPU counts only if it was measured while the
	// pod was ready; 5 min if zero.
	CPUInitializationPeriod time.Duration
	// InitialReadinessDelay is how long after its start a pod that is unready counts as never having been ready;
	// 30 s if zero.
	InitialReadinessDelay time.Duration
}

// The documented defaults.
const (
	DefaultSyncPeriod              = 15 * time.Second
	DefaultDownscaleStabilization  = 5 * time.Minute
	DefaultTolerance               = 0.1
	DefaultCPUInitializationPeriod = 5 * time.Minute
	DefaultInitialReadinessDelay   = 30 * time.Second
)

// Complete fills in the defaults and refuses what makes no sense.
func (o *Options) Complete() error {
	for _, setting := range []struct {
		name  string
		value *time.Duration
		unset time.Duration
	}{
		{"sync period", &o.SyncPeriod, DefaultSyncPeriod},
		{"downscale stabilization", &o.DownscaleStabilization, DefaultDownscaleStabilization},
		{"CPU initialization period", &o.CPUInitializationPeriod, DefaultCPUInitializationPeriod},
		{"initial readiness delay", &o.InitialReadinessDelay, DefaultInitialReadinessDelay},
	} {
		if *setting.value == 0 {
			*setting.value = setting.unset
		}
		if *setting.value < 0 {
			return fmt.Errorf("the horizontal pod autoscaler's %s must be positive, not %s", setting.name, *setting.value)
		}
	}
	if o.Tolerance == nil {
		tolerance := DefaultTolerance
		o.Tolerance = &tolerance
	}
	if *o.Tolerance < 0 {
		return errors.New("the horizontal pod autoscaler's tolerance must not be negative")
	}
	return nil
}
