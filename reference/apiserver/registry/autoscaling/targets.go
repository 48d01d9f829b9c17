package autoscaling

import (
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// targetsShown is how many metrics the column lists before it says how many more there are.
const targetsShown = 2

// targets lists each metric as current/target.
func targets(h *autoscalingv2.HorizontalPodAutoscaler) string {
	var all []string
	for i, spec := range h.Spec.Metrics {
		var current autoscalingv2.MetricStatus
		if i < len(h.Status.CurrentMetrics) {
			current = h.Status.CurrentMetrics[i]
		}
		all = append(all, target(spec, current))
	}
	if len(all) == 0 {
		return generic.None
	}
	if more := len(all) - targetsShown; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(all[:targetsShown], ", "), more)
	}
	return strings.Join(all, ", ")
}

func target(spec autoscalingv2.MetricSpec, current autoscalingv2.MetricStatus) string {
	switch {
	case spec.External != nil:
		s := generic.Deref(current.External).Current
		if spec.External.Target.AverageValue != nil {
			return fmt.Sprintf("%s/%s (avg)", value(s.AverageValue), spec.External.Target.AverageValue)
		}
		return fmt.Sprintf("%s/%s", value(s.Value), value(spec.External.Target.Value))
	case spec.Pods != nil:
		return fmt.Sprintf("%s/%s", value(generic.Deref(current.Pods).Current.AverageValue), value(spec.Pods.Target.AverageValue))
	case spec.Object != nil:
		s := generic.Deref(current.Object).Current
		if spec.Object.Target.AverageValue != nil {
			return fmt.Sprintf("%s/%s (avg)", value(s.AverageValue), spec.Object.Target.AverageValue)
		}
		return fmt.Sprintf("%s/%s", value(s.Value), value(spec.Object.Target.Value))
	case spec.Resource != nil:
		return ofResource(string(spec.Resource.Name), spec.Resource.Target, generic.Deref(current.Resource).Current)
	case spec.ContainerResource != nil:
		return ofResource(string(spec.ContainerResource.Name), spec.ContainerResource.Target, generic.Deref(current.ContainerResource).Current)
	default:
		return "<unknown type>"
	}
}

func ofResource(name string, target autoscalingv2.MetricTarget, current autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return fmt.Sprintf("%s: %s/%s", name, value(current.AverageValue), target.AverageValue)
	}
	return fmt.Sprintf("%s: %s/%s", name, percent(current.AverageUtilization, generic.Unknown), percent(target.AverageUtilization, "<auto>"))
}

func value(q *resource.Quantity) string {
	if q == nil {
		return generic.Unknown
	}
	return q.String()
}

func percent(p *int32, missing string) string {
	if p == nil {
		return missing
	}
	return fmt.Sprintf("%d%%", *p)
}
