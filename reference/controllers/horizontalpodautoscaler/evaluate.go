package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// reading is what a metrics API answered for one metric of a spec.
type reading struct {
	pods  map[string]sample // of Resource, ContainerResource and Pods metrics
	value int64             // of Object and External metrics, in thousandths
	err   error
}

// sized is a target as its scale and its pods show it.
type sized struct {
	spec, status int32 // replicas wanted and there
	pods         []*corev1.Pod
}

// proposal is what one metric asks for.
type proposal struct {
	replicas int32
	name     string // of the metric, for those who read of it
	status   autoscalingv2.MetricStatus

	err     error  // why it asks for nothing
	reason  string // of the condition that tells so, and of the event
	message string // of the same
}

// failed is a metric that could not be evaluated. Conditions and events tell cause alone, the controller's error
// all of it.
func failed(reason string, cause, whole error) proposal {
	return proposal{err: whole, reason: reason, message: cause.Error()}
}

// evaluate returns what a metric of the spec asks for, given what was read of it.
func evaluate(m autoscalingv2.MetricSpec, r reading, s sized, t tolerances, o Options, now time.Time) proposal {
	switch {
	case m.Type == autoscalingv2.ObjectMetricSourceType && m.Object != nil:
		p := evaluateObject(m.Object, r, s, t)
		return wrapped(p, "failed to get object metric value: %w")
	case m.Type == autoscalingv2.PodsMetricSourceType && m.Pods != nil:
		p := evaluatePods(m.Pods, r, s, t, o, now)
		return wrapped(p, "failed to get pods metric value: %w")
	case m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil:
		p := evaluateResource(m.Resource.Name, "", m.Resource.Target, r, s, t, o, now)
		return wrapped(p, "failed to get "+string(m.Resource.Name)+" resource metric value: %w")
	case m.Type == autoscalingv2.ContainerResourceMetricSourceType && m.ContainerResource != nil:
		c := m.ContainerResource
		s.pods = having(c.Container, s.pods)
		p := evaluateResource(c.Name, c.Container, c.Target, r, s, t, o, now)
		return wrapped(p, "failed to get "+c.Container+" container metric value: %w")
	case m.Type == autoscalingv2.ExternalMetricSourceType && m.External != nil:
		p := evaluateExternal(m.External, r, s, t)
		return wrapped(p, "failed to get "+m.External.Metric.Name+" external metric value: %w")
	}
	err := specError{fmt.Errorf("unknown metric source type %q", string(m.Type))}
	return failed("InvalidMetricSourceType", err, err)
}

func wrapped(p proposal, format string) proposal {
	if p.err != nil {
		p.err = fmt.Errorf(format, p.err)
	}
	return p
}

func evaluateObject(m *autoscalingv2.ObjectMetricSource, r reading, s sized, t tolerances) proposal {
	const reason = "FailedGetObjectMetric"
	status := autoscalingv2.MetricStatus{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricStatus{
		DescribedObject: m.DescribedObject, Metric: autoscalingv2.MetricIdentifier{Name: m.Metric.Name, Selector: m.Metric.Selector}}}
	byValue := m.Target.Type == autoscalingv2.ValueMetricType && m.Target.Value != nil
	byAverage := m.Target.Type == autoscalingv2.AverageValueMetricType && m.Target.AverageValue != nil
	switch {
	case !byValue && !byAverage:
		err := specError{errors.New("invalid object metric source: neither a value target nor an average value target was set")}
		return failed(reason, err, err)
	case r.err != nil && byAverage:
		return failed(reason, r.err, fmt.Errorf("failed to get %s object metric: %w", m.Metric.Name, r.err))
	case r.err != nil:
		return failed(reason, r.err, fmt.Errorf("failed to get object metric: %w", r.err))
	case byAverage:
		replicas, average := averageReplicas(s.status, r.value, m.Target.AverageValue.MilliValue(), t)
		status.Object.Current.AverageValue = resource.NewMilliQuantity(average, resource.DecimalSI)
		return proposal{replicas: replicas, name: fmt.Sprintf("external metric %s(%+v)", m.Metric.Name, m.Metric.Selector), status: status}
	}
	replicas, err := shared(s, r.value, m.Target.Value.MilliValue(), t)
	if err != nil {
		return failed(reason, err, fmt.Errorf("failed to get object metric: %w", err))
	}
	status.Object.Current.Value = resource.NewMilliQuantity(r.value, resource.DecimalSI)
	return proposal{replicas: replicas, name: fmt.Sprintf("%s metric %s", m.DescribedObject.Kind, m.Metric.Name), status: status}
}

func evaluateExternal(m *autoscalingv2.ExternalMetricSource, r reading, s sized, t tolerances) proposal {
	const reason = "FailedGetExternalMetric"
	status := autoscalingv2.MetricStatus{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricStatus{
		Metric: autoscalingv2.MetricIdentifier{Name: m.Metric.Name, Selector: m.Metric.Selector}}}
	name := fmt.Sprintf("external metric %s(%+v)", m.Metric.Name, m.Metric.Selector)
	switch {
	case m.Target.AverageValue == nil && m.Target.Value == nil:
		err := specError{errors.New("invalid external metric source: neither a value target nor an average value target was set")}
		return failed(reason, err, err)
	case r.err != nil && m.Target.AverageValue != nil:
		return failed(reason, r.err, fmt.Errorf("failed to get %s external metric: %w", m.Metric.Name, r.err))
	case r.err != nil:
		return failed(reason, r.err, fmt.Errorf("failed to get external metric %s: %w", m.Metric.Name, r.err))
	case m.Target.AverageValue != nil:
		replicas, average := averageReplicas(s.status, r.value, m.Target.AverageValue.MilliValue(), t)
		status.External.Current.AverageValue = resource.NewMilliQuantity(average, resource.DecimalSI)
		return proposal{replicas: replicas, name: name, status: status}
	}
	replicas, err := shared(s, r.value, m.Target.Value.MilliValue(), t)
	if err != nil {
		return failed(reason, err, fmt.Errorf("failed to get external metric %s: %w", m.Metric.Name, err))
	}
	status.External.Current.Value = resource.NewMilliQuantity(r.value, resource.DecimalSI)
	return proposal{replicas: replicas, name: name, status: status}
}

// shared is valueReplicas for the pods that are ready, of which there must be pods at all to tell.
func shared(s sized, value, target int64, t tolerances) (int32, error) {
	if s.spec == 0 || t.allow(float64(value)/float64(target)) {
		return valueReplicas(s.spec, 0, value, target, t), nil
	}
	ready, err := readyCount(s.pods)
	if err != nil {
		return 0, fmt.Errorf("unable to calculate ready pods: %w", err)
	}
	return valueReplicas(s.spec, ready, value, target, t), nil
}

func evaluatePods(m *autoscalingv2.PodsMetricSource, r reading, s sized, t tolerances, o Options, now time.Time) proposal {
	const reason = "FailedGetPodsMetric"
	if m.Target.AverageValue == nil {
		err := specError{errors.New("invalid pods metric source: no average value target was set")}
		return failed(reason, err, err)
	}
	target := m.Target.AverageValue.MilliValue()
	replicas, g, err := measuredReplicas(r, s, "", t, o, now, func() (perPodTarget, error) { return plainTarget(target), nil })
	if err != nil {
		return failed(reason, err, err)
	}
	return proposal{replicas: replicas, name: "pods metric " + m.Metric.Name, status: autoscalingv2.MetricStatus{
		Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricStatus{
			Metric:  autoscalingv2.MetricIdentifier{Name: m.Metric.Name, Selector: m.Metric.Selector},
			Current: autoscalingv2.MetricValueStatus{AverageValue: resource.NewMilliQuantity(mean(g.measured), resource.DecimalSI)},
		}}}
}

func evaluateResource(name corev1.ResourceName, container string, target autoscalingv2.MetricTarget, r reading, s sized, t tolerances, o Options, now time.Time) proposal {
	reason, kind := "FailedGetResourceMetric", ""
	if container != "" {
		reason, kind = "FailedGetContainerResourceMetric", "container "
	}
	if target.AverageValue == nil && target.AverageUtilization == nil {
		err := specError{errors.New("invalid resource metric source: neither an average utilization target nor an average value (usage) target was set")}
		return failed(reason, err, err)
	}
	p := proposal{name: fmt.Sprintf("%s resource", name)}
	var requests map[string]int64
	replicas, g, err := measuredReplicas(r, s, name, t, o, now, func() (of perPodTarget, err error) {
		if target.AverageValue != nil {
			return plainTarget(target.AverageValue.MilliValue()), nil
		}
		requests, err = requestsOf(s.pods, name, container)
		return utilizationTarget(*target.AverageUtilization, requests), err
	})
	if err != nil {
		what := "utilization"
		if target.AverageValue != nil {
			what = "usage"
		}
		err = fmt.Errorf("failed to get %s %s: %w", name, what, err)
		return failed(reason, err, err)
	}
	p.replicas = replicas
	current := autoscalingv2.MetricValueStatus{AverageValue: resource.NewMilliQuantity(mean(g.measured), resource.DecimalSI)}
	if target.AverageValue == nil {
		percent, err := utilization(g.measured, requests)
		if err != nil {
			return failed(reason, err, err)
		}
		current.AverageUtilization = &percent
		p.name = fmt.Sprintf("%s %sresource utilization (percentage of request)", name, kind)
	}
	if container != "" {
		p.status = autoscalingv2.MetricStatus{Type: autoscalingv2.ContainerResourceMetricSourceType,
			ContainerResource: &autoscalingv2.ContainerResourceMetricStatus{Name: name, Container: container, Current: current}}
	} else {
		p.status = autoscalingv2.MetricStatus{Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricStatus{Name: name, Current: current}}
	}
	return p
}

// measuredReplicas is perPodReplicas for what was read of the pods. The target is asked for only if there is
// something to compare with it.
func measuredReplicas(r reading, s sized, name corev1.ResourceName, t tolerances, o Options, now time.Time, target func() (perPodTarget, error)) (int32, groups, error) {
	if r.err != nil {
		return 0, groups{}, r.err
	}
	if len(s.pods) == 0 {
		return 0, groups{}, errNoPods
	}
	g := group(s.pods, r.pods, name, o, now)
	if len(g.measured) == 0 {
		return 0, groups{}, errNoMetrics
	}
	of, err := target()
	if err != nil {
		return 0, groups{}, err
	}
	replicas, err := perPodReplicas(s.spec, g, of, t)
	return replicas, g, err
}
