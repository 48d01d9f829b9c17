package horizontalpodautoscaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"
)

// metricsAPIs asks the metrics APIs, each of which may be there or not.
type metricsAPIs struct {
	mapper   meta.RESTMapper
	resource resourceclient.PodMetricsesGetter
	custom   custom_metrics.CustomMetricsClient
	external external_metrics.ExternalMetricsClient
	versions custom_metrics.AvailableAPIsGetter
}

func newMetrics(config *rest.Config, client discovery.DiscoveryInterface, mapper meta.RESTMapper) (*metricsAPIs, error) {
	resource, err := resourceclient.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of resource metrics: %w", err)
	}
	external, err := external_metrics.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of external metrics: %w", err)
	}
	versions := custom_metrics.NewAvailableAPIsGetter(client)
	return &metricsAPIs{mapper, resource, custom_metrics.NewForConfig(config, mapper, versions), external, versions}, nil
}

// run keeps up with the version of custom metrics that is preferred: another server of them may serve another.
func (m *metricsAPIs) run(ctx context.Context, period time.Duration) {
	custom_metrics.PeriodicallyInvalidate(m.versions, period, ctx.Done())
}

func (m *metricsAPIs) read(ctx context.Context, namespace string, spec autoscalingv2.MetricSpec, selector labels.Selector) reading {
	switch {
	case spec.Resource != nil && spec.Type == autoscalingv2.ResourceMetricSourceType:
		return m.readResource(ctx, namespace, spec.Resource.Name, "", selector)
	case spec.ContainerResource != nil && spec.Type == autoscalingv2.ContainerResourceMetricSourceType:
		return m.readResource(ctx, namespace, spec.ContainerResource.Name, spec.ContainerResource.Container, selector)
	case spec.Pods != nil && spec.Type == autoscalingv2.PodsMetricSourceType:
		return m.readPods(namespace, spec.Pods.Metric, selector)
	case spec.Object != nil && spec.Type == autoscalingv2.ObjectMetricSourceType:
		return m.readObject(namespace, spec.Object)
	case spec.External != nil && spec.Type == autoscalingv2.ExternalMetricSourceType:
		return m.readExternal(namespace, spec.External.Metric)
	}
	return reading{}
}

func (m *metricsAPIs) readResource(ctx context.Context, namespace string, resource corev1.ResourceName, container string, selector labels.Selector) reading {
	list, err := m.resource.PodMetricses(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	switch {
	case err != nil:
		err = fmt.Errorf("unable to fetch metrics from resource metrics API: %w", err)
	case len(list.Items) == 0:
		err = errors.New("no metrics returned from resource metrics API")
	}
	if err != nil {
		return reading{err: fmt.Errorf("unable to get metrics for resource %s: %w", resource, err)}
	}
	return reading{pods: resourceSamples(list.Items, resource, container)}
}

// resourceSamples adds up the containers of each pod, or takes the one that is named. A pod of which a container
// was not measured has no sample.
func resourceSamples(pods []metricsv1beta1.PodMetrics, resource corev1.ResourceName, container string) map[string]sample {
	samples := map[string]sample{}
	for _, pod := range pods {
		s := sample{at: pod.Timestamp.Time, window: pod.Window.Duration}
		counted, whole := 0, true
		for _, c := range pod.Containers {
			if container != "" && container != c.Name {
				continue
			}
			q, measured := c.Usage[resource]
			counted++
			whole = whole && measured
			s.value += q.MilliValue()
		}
		if whole && counted > 0 {
			samples[pod.Name] = s
		}
	}
	return samples
}

// customWindow is the window of a custom metric that names none.
const customWindow = time.Minute

func (m *metricsAPIs) readPods(namespace string, metric autoscalingv2.MetricIdentifier, selector labels.Selector) reading {
	of, err := metav1.LabelSelectorAsSelector(orAll(metric.Selector))
	if err != nil {
		return reading{err: err}
	}
	list, err := m.custom.NamespacedMetrics(namespace).GetForObjects(schema.GroupKind{Kind: "Pod"}, selector, metric.Name, of)
	switch {
	case err != nil:
		err = fmt.Errorf("unable to fetch metrics from custom metrics API: %w", err)
	case len(list.Items) == 0:
		err = errors.New("no metrics returned from custom metrics API")
	}
	if err != nil {
		return reading{err: fmt.Errorf("unable to get metric %s: %w", metric.Name, err)}
	}
	r := reading{pods: map[string]sample{}}
	for _, item := range list.Items {
		s := sample{value: item.Value.MilliValue(), at: item.Timestamp.Time, window: customWindow}
		if item.WindowSeconds != nil {
			s.window = time.Duration(*item.WindowSeconds) * time.Second
		}
		r.pods[item.DescribedObject.Name] = s
	}
	return r
}

func (m *metricsAPIs) readObject(namespace string, spec *autoscalingv2.ObjectMetricSource) reading {
	of, err := metav1.LabelSelectorAsSelector(orAll(spec.Metric.Selector))
	if err != nil {
		return reading{err: err}
	}
	ref := spec.DescribedObject
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return reading{err: err}
	}
	kind := schema.GroupKind{Group: gv.Group, Kind: ref.Kind}
	metrics := m.custom.NamespacedMetrics(namespace)
	if m.clusterWide(kind) {
		metrics = m.custom.RootScopedMetrics()
	}
	value, err := metrics.GetForObject(kind, ref.Name, spec.Metric.Name, of)
	if err != nil {
		err = fmt.Errorf("unable to fetch metrics from custom metrics API: %w", err)
		return reading{err: fmt.Errorf("unable to get metric %s: %s on %s %s/%w", spec.Metric.Name, ref.Kind, namespace, ref.Name, err)}
	}
	return reading{value: value.Value.MilliValue()}
}

// clusterWide says that objects of the kind live in no namespace. A namespace has its metrics where they do.
func (m *metricsAPIs) clusterWide(kind schema.GroupKind) bool {
	if kind == (schema.GroupKind{Kind: "Namespace"}) {
		return true
	}
	mappings, err := m.mapper.RESTMappings(kind)
	return err == nil && len(mappings) > 0 && mappings[0].Scope.Name() == meta.RESTScopeNameRoot
}

func (m *metricsAPIs) readExternal(namespace string, metric autoscalingv2.MetricIdentifier) reading {
	of, err := metav1.LabelSelectorAsSelector(orAll(metric.Selector))
	if err != nil {
		return reading{err: err}
	}
	list, err := m.external.NamespacedMetrics(namespace).List(metric.Name, of)
	switch {
	case err != nil:
		err = fmt.Errorf("unable to fetch metrics from external metrics API: %w", err)
	case len(list.Items) == 0:
		err = errors.New("no metrics returned from external metrics API")
	}
	if err != nil {
		return reading{err: fmt.Errorf("unable to get external metric %s/%s/%+v: %w", namespace, metric.Name, metric.Selector, err)}
	}
	var r reading
	for _, item := range list.Items {
		r.value += item.Value.MilliValue()
	}
	return r
}

// orAll is the selector, or one that picks everything where there is none.
func orAll(selector *metav1.LabelSelector) *metav1.LabelSelector {
	if selector == nil {
		return &metav1.LabelSelector{}
	}
	return selector
}
