package horizontalpodautoscaler

import (
	"errors"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// subsystem is the prefix of the controller's own metrics.
const subsystem = "horizontal_pod_autoscaler_controller"

// buckets of durations, in seconds: from 1 ms doubling to 16 s.
var buckets = metrics.ExponentialBuckets(0.001, 2, 15)

var (
	reconciliations = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "reconciliations_total", StabilityLevel: metrics.ALPHA,
		Help: "Looks at HorizontalPodAutoscalers, by what they led to (scale_down, scale_up, none) and what went wrong (spec, internal, none)",
	}, []string{"action", "error"})
	reconciliationSeconds = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "reconciliation_duration_seconds", StabilityLevel: metrics.ALPHA, Buckets: buckets,
		Help: "How long a look at a HorizontalPodAutoscaler takes",
	}, []string{"action", "error"})
	computations = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: subsystem, Name: "metric_computation_total", StabilityLevel: metrics.ALPHA,
		Help: "Evaluations of metrics, by what they ask for, what went wrong, and the type of the metric",
	}, []string{"action", "error", "metric_type"})
	computationSeconds = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: subsystem, Name: "metric_computation_duration_seconds", StabilityLevel: metrics.ALPHA, Buckets: buckets,
		Help: "How long it takes to read and evaluate one metric",
	}, []string{"action", "error", "metric_type"})
	autoscalers = metrics.NewGauge(&metrics.GaugeOpts{
		Subsystem: subsystem, Name: "num_horizontal_pod_autoscalers", StabilityLevel: metrics.ALPHA,
		Help: "HorizontalPodAutoscalers that there are",
	})
)

func init() {
	legacyregistry.MustRegister(reconciliations, reconciliationSeconds, computations, computationSeconds, autoscalers)
}

// observe counts a look at an autoscaler.
func observe(changed int32, failure error, took time.Duration) {
	labels := []string{action(changed), fault(failure)}
	reconciliations.WithLabelValues(labels...).Inc()
	reconciliationSeconds.WithLabelValues(labels...).Observe(took.Seconds())
}

// observeMetric counts the evaluation of one metric for a target of that size.
func observeMetric(kind autoscalingv2.MetricSourceType, p proposal, current int32, took time.Duration) {
	change := int32(0)
	if p.err == nil {
		change = p.replicas - current
	}
	labels := []string{action(change), fault(p.err), string(kind)}
	computations.WithLabelValues(labels...).Inc()
	computationSeconds.WithLabelValues(labels...).Observe(took.Seconds())
}

func action(change int32) string {
	switch {
	case change > 0:
		return "scale_up"
	case change < 0:
		return "scale_down"
	}
	return "none"
}

// specError is the fault of the autoscaler's spec or of its target's.
type specError struct{ error }

func fault(err error) string {
	var spec specError
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &spec):
		return "spec"
	}
	return "internal"
}
