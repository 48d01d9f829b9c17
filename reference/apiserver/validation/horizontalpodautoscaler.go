package validation

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxPolicyPeriodSeconds  = 1800
	maxStabilizationSeconds = 3600
)

// HorizontalPodAutoscaler checks a new HorizontalPodAutoscaler.
func HorizontalPodAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	s := &h.Spec
	errs := newMeta(&h.ObjectMeta, namespaced, subdomainName)
	smallest := int32(1)
	if s.MinReplicas != nil {
		smallest = *s.MinReplicas
		if smallest < 0 {
			errs = append(errs, field.Invalid(specPath.Child("minReplicas"), smallest, "must be greater than or equal to 0"))
		}
		if smallest == 0 && !scalesFromZero(s.Metrics) {
			errs = append(errs, field.Forbidden(specPath.Child("metrics"), "must specify at least one Object or External metric to support scaling to zero replicas"))
		}
	}
	if s.MaxReplicas < 1 {
		errs = append(errs, field.Invalid(specPath.Child("maxReplicas"), s.MaxReplicas, "must be greater than 0"))
	}
	if s.MaxReplicas < smallest {
		errs = append(errs, field.Invalid(specPath.Child("maxReplicas"), s.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	errs = append(errs, scaleTarget(specPath.Child("scaleTargetRef"), &s.ScaleTargetRef)...)
	for i := range s.Metrics {
		errs = append(errs, metricSpec(specPath.Child("metrics").Index(i), &s.Metrics[i])...)
	}
	if s.Behavior != nil {
		errs = append(errs, scalingRules(specPath.Child("behavior", "scaleUp"), s.Behavior.ScaleUp)...)
		errs = append(errs, scalingRules(specPath.Child("behavior", "scaleDown"), s.Behavior.ScaleDown)...)
	}
	return errs
}

// scalesFromZero: a metric of no pods in particular can tell when the first is needed.
func scalesFromZero(metrics []autoscalingv2.MetricSpec) bool {
	for _, m := range metrics {
		if m.Type == autoscalingv2.ObjectMetricSourceType || m.Type == autoscalingv2.ExternalMetricSourceType {
			return true
		}
	}
	return false
}

func scaleTarget(p *field.Path, r *autoscalingv2.CrossVersionObjectReference) (errs field.ErrorList) {
	segment := func(name, value string) {
		if value == "" {
			errs = append(errs, field.Required(p.Child(name), ""))
			return
		}
		errs = append(errs, invalids(p.Child(name), value, path.IsValidPathSegmentName(value))...)
	}
	segment("kind", r.Kind)
	segment("name", r.Name)
	if _, err := schema.ParseGroupVersion(r.APIVersion); err != nil {
		errs = append(errs, field.Invalid(p.Child("apiVersion"), r.APIVersion, err.Error()))
	}
	return errs
}

func metricSpec(p *field.Path, m *autoscalingv2.MetricSpec) field.ErrorList {
	errs := oneOf(p.Child("type"), m.Type, autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType,
		autoscalingv2.ObjectMetricSourceType, autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType)
	sources := 0
	for _, present := range []bool{m.Object != nil, m.Pods != nil, m.Resource != nil, m.ContainerResource != nil, m.External != nil} {
		if present {
			sources++
		}
	}
	source := func(t autoscalingv2.MetricSourceType, name string, present bool, check func(*field.Path) field.ErrorList) {
		if present {
			if t != m.Type && sources > 1 {
				errs = append(errs, field.Forbidden(p.Child(name), "must populate the given metric source only"))
			}
			errs = append(errs, check(p.Child(name))...)
		} else if t == m.Type {
			errs = append(errs, field.Required(p.Child(name), "must populate information for the given metric source"))
		}
	}
	source(autoscalingv2.ObjectMetricSourceType, "object", m.Object != nil, func(p *field.Path) field.ErrorList {
		errs := scaleTarget(p.Child("describedObject"), &m.Object.DescribedObject)
		errs = append(errs, metricIdentifier(p.Child("metric"), &m.Object.Metric)...)
		errs = append(errs, metricTarget(p.Child("target"), &m.Object.Target)...)
		if m.Object.Target.Value == nil && m.Object.Target.AverageValue == nil {
			errs = append(errs, field.Required(p.Child("target", "averageValue"), "must set either a target value or a target averageValue"))
		}
		return errs
	})
	source(autoscalingv2.PodsMetricSourceType, "pods", m.Pods != nil, func(p *field.Path) field.ErrorList {
		errs := append(metricIdentifier(p.Child("metric"), &m.Pods.Metric), metricTarget(p.Child("target"), &m.Pods.Target)...)
		if v := m.Pods.Target.AverageValue; v == nil || v.Sign() != 1 {
			errs = append(errs, field.Required(p.Child("target", "averageValue"), "must specify a positive target averageValue"))
		}
		return errs
	})
	source(autoscalingv2.ResourceMetricSourceType, "resource", m.Resource != nil, func(p *field.Path) field.ErrorList {
		return append(needed(p.Child("name"), string(m.Resource.Name), "must specify a resource name"), resourceTarget(p.Child("target"), &m.Resource.Target)...)
	})
	source(autoscalingv2.ContainerResourceMetricSourceType, "containerResource", m.ContainerResource != nil, func(p *field.Path) field.ErrorList {
		errs := needed(p.Child("name"), string(m.ContainerResource.Name), "must specify a resource name")
		errs = append(errs, needed(p.Child("container"), m.ContainerResource.Container, "must specify a container")...)
		return append(errs, resourceTarget(p.Child("target"), &m.ContainerResource.Target)...)
	})
	source(autoscalingv2.ExternalMetricSourceType, "external", m.External != nil, func(p *field.Path) field.ErrorList {
		t := &m.External.Target
		errs := append(metricIdentifier(p.Child("metric"), &m.External.Metric), metricTarget(p.Child("target"), t)...)
		if t.Value == nil && t.AverageValue == nil {
			errs = append(errs, field.Required(p.Child("target", "averageValue"), "must set either a target value for metric or a per-pod target"))
		}
		if t.Value != nil && t.AverageValue != nil {
			errs = append(errs, field.Forbidden(p.Child("target", "value"), "may not set both a target value for metric and a per-pod target"))
		}
		return errs
	})
	return errs
}

func needed(p *field.Path, value, detail string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(p, detail)}
	}
	return nil
}

func resourceTarget(p *field.Path, t *autoscalingv2.MetricTarget) field.ErrorList {
	errs := metricTarget(p, t)
	if t.AverageUtilization == nil && t.AverageValue == nil {
		errs = append(errs, field.Required(p.Child("averageUtilization"), "must set either a target raw value or a target utilization"))
	}
	if t.AverageUtilization != nil && t.AverageValue != nil {
		errs = append(errs, field.Forbidden(p.Child("averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

func metricIdentifier(p *field.Path, m *autoscalingv2.MetricIdentifier) field.ErrorList {
	if m.Name == "" {
		return field.ErrorList{field.Required(p.Child("name"), "must specify a metric name")}
	}
	return append(invalids(p.Child("name"), m.Name, path.IsValidPathSegmentName(m.Name)), labelSelector(p.Child("selector"), m.Selector)...)
}

func metricTarget(p *field.Path, t *autoscalingv2.MetricTarget) (errs field.ErrorList) {
	if t.Type == "" {
		errs = append(errs, field.Required(p.Child("type"), "must specify a metric target type"))
	}
	if t.Type != autoscalingv2.UtilizationMetricType && t.Type != autoscalingv2.ValueMetricType && t.Type != autoscalingv2.AverageValueMetricType {
		errs = append(errs, field.Invalid(p.Child("type"), t.Type, "must be either Utilization, Value, or AverageValue"))
	}
	if t.Value != nil && t.Value.Sign() != 1 {
		errs = append(errs, field.Invalid(p.Child("value"), t.Value, "must be positive"))
	}
	if t.AverageValue != nil && t.AverageValue.Sign() != 1 {
		errs = append(errs, field.Invalid(p.Child("averageValue"), t.AverageValue, "must be positive"))
	}
	if t.AverageUtilization != nil && *t.AverageUtilization < 1 {
		errs = append(errs, field.Invalid(p.Child("averageUtilization"), *t.AverageUtilization, "must be greater than 0"))
	}
	return errs
}

func scalingRules(p *field.Path, r *autoscalingv2.HPAScalingRules) (errs field.ErrorList) {
	if r == nil {
		return nil
	}
	if w := r.StabilizationWindowSeconds; w != nil {
		if *w < 0 {
			errs = append(errs, field.Invalid(p.Child("stabilizationWindowSeconds"), *w, "must be greater than or equal to zero"))
		}
		if *w > maxStabilizationSeconds {
			errs = append(errs, field.Invalid(p.Child("stabilizationWindowSeconds"), *w, fmt.Sprintf("must be less than or equal to %v", maxStabilizationSeconds)))
		}
	}
	if t := r.Tolerance; t != nil && t.Sign() < 0 {
		errs = append(errs, field.Invalid(p.Child("tolerance"), t.String(), negative))
	}
	errs = append(errs, oneOfPtr(p.Child("selectPolicy"), r.SelectPolicy, autoscalingv2.DisabledPolicySelect,
		autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect)...)
	policies := p.Child("policies")
	if len(r.Policies) == 0 {
		errs = append(errs, field.Required(policies, "must specify at least one Policy"))
	}
	for i, policy := range r.Policies {
		at := policies.Index(i)
		errs = append(errs, supportedValue(at.Child("type"), policy.Type, autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy)...)
		if policy.Value <= 0 {
			errs = append(errs, field.Invalid(at.Child("value"), policy.Value, notPositive))
		}
		if policy.PeriodSeconds <= 0 {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), policy.PeriodSeconds, notPositive))
		}
		if policy.PeriodSeconds > maxPolicyPeriodSeconds {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), policy.PeriodSeconds, fmt.Sprintf("must be less than or equal to %v", maxPolicyPeriodSeconds)))
		}
	}
	return errs
}

// HorizontalPodAutoscalerUpdate checks a replacement of a HorizontalPodAutoscaler; everything may change.
func HorizontalPodAutoscalerUpdate(h, old *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return append(updatedMeta(&h.ObjectMeta, &old.ObjectMeta), HorizontalPodAutoscaler(h)...)
}

// HorizontalPodAutoscalerStatusUpdate checks a write to a HorizontalPodAutoscaler's status.
func HorizontalPodAutoscalerStatusUpdate(h, old *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return append(updatedMeta(&h.ObjectMeta, &old.ObjectMeta), counts(
		count{"currentReplicas", h.Status.CurrentReplicas},
		count{"desiredReplicas", h.Status.DesiredReplicas},
	)...)
}
