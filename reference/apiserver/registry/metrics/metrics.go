// Package metrics serves the resources of the metrics.k8s.io group, v1beta1: what nodes and pods use. Nothing is stored:
// a Source answers. In other clusters a metrics-server does; one that a user installs takes the group over.
package metrics

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// Source knows what is used. What it returns belongs to the caller; objects carry the labels of their node or pod.
type Source interface {
	// Nodes returns the usage of every node that has been measured.
	Nodes(context.Context) ([]metricsv1beta1.NodeMetrics, error)
	// Pods returns the usage of every measured pod in a namespace, or in all for "".
	Pods(ctx context.Context, namespace string) ([]metricsv1beta1.PodMetrics, error)
}

// Nothing is a Source for clusters in which nobody measures.
type Nothing struct{}

// Nodes implements Source.
func (Nothing) Nodes(context.Context) ([]metricsv1beta1.NodeMetrics, error) { return nil, nil }

// Pods implements Source.
func (Nothing) Pods(context.Context, string) ([]metricsv1beta1.PodMetrics, error) { return nil, nil }

// Install returns the storage of the group's resources.
func Install(source Source) map[string]rest.Storage {
	return map[string]rest.Storage{
		"nodes": &storage[*metricsv1beta1.NodeMetrics]{
			plural: "nodes", singular: "", object: func() runtime.Object { return &metricsv1beta1.NodeMetrics{} },
			newList: func() runtime.Object { return &metricsv1beta1.NodeMetricsList{} },
			usage:   func(m *metricsv1beta1.NodeMetrics) corev1.ResourceList { return m.Usage },
			window:  func(m *metricsv1beta1.NodeMetrics) metav1.Duration { return m.Window },
			all: func(ctx context.Context, _ string) ([]*metricsv1beta1.NodeMetrics, error) {
				measured, err := source.Nodes(ctx)
				return pointers(measured), err
			},
			list: func(items []*metricsv1beta1.NodeMetrics) runtime.Object {
				return &metricsv1beta1.NodeMetricsList{Items: values(items)}
			},
		},
		"pods": &storage[*metricsv1beta1.PodMetrics]{
			plural: "pods", singular: "", namespaced: true, object: func() runtime.Object { return &metricsv1beta1.PodMetrics{} },
			newList: func() runtime.Object { return &metricsv1beta1.PodMetricsList{} },
			usage:   podUsage,
			window:  func(m *metricsv1beta1.PodMetrics) metav1.Duration { return m.Window },
			all: func(ctx context.Context, namespace string) ([]*metricsv1beta1.PodMetrics, error) {
				measured, err := source.Pods(ctx, namespace)
				return pointers(measured), err
			},
			list: func(items []*metricsv1beta1.PodMetrics) runtime.Object {
				return &metricsv1beta1.PodMetricsList{Items: values(items)}
			},
		},
	}
}

func podUsage(m *metricsv1beta1.PodMetrics) corev1.ResourceList {
	sum := corev1.ResourceList{}
	for _, c := range m.Containers {
		for name, q := range c.Usage {
			total := sum[name]
			total.Add(q)
			sum[name] = total
		}
	}
	return sum
}

func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

func values[T any](list []*T) []T {
	out := make([]T, len(list))
	for i := range list {
		out[i] = *list[i]
	}
	return out
}

// storage lists and gets metrics of one kind.
type storage[T generic.Object] struct {
	plural, singular string
	namespaced       bool
	object, newList  func() runtime.Object
	all              func(ctx context.Context, namespace string) ([]T, error)
	list             func([]T) runtime.Object
	usage            func(T) corev1.ResourceList
	window           func(T) metav1.Duration
}

func (s *storage[T]) New() runtime.Object     { return s.object() }
func (s *storage[T]) NewList() runtime.Object { return s.newList() }
func (s *storage[T]) Destroy()                {}
func (s *storage[T]) NamespaceScoped() bool   { return s.namespaced }
func (s *storage[T]) GetSingularName() string { return s.singular }

// Get implements rest.Getter.
func (s *storage[T]) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	all, err := s.all(ctx, genericapirequest.NamespaceValue(ctx))
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.GetName() == name {
			return any(m).(runtime.Object), nil
		}
	}
	return nil, apierrors.NewNotFound(metricsv1beta1.Resource(s.plural), name)
}

// List implements rest.Lister.
func (s *storage[T]) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	all, err := s.all(ctx, genericapirequest.NamespaceValue(ctx))
	if err != nil {
		return nil, err
	}
	label, field := labels.Everything(), fields.Everything()
	if options != nil && options.LabelSelector != nil {
		label = options.LabelSelector
	}
	if options != nil && options.FieldSelector != nil {
		field = options.FieldSelector
	}
	matching := slices.DeleteFunc(all, func(m T) bool {
		set := fields.Set{"metadata.name": m.GetName(), "metadata.namespace": m.GetNamespace()}
		return !label.Matches(labels.Set(m.GetLabels())) || !field.Matches(set)
	})
	slices.SortFunc(matching, func(a, b T) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return s.list(matching), nil
}

// ConvertToTable implements rest.TableConvertor.
func (s *storage[T]) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	used := func(name corev1.ResourceName, unit func(resource.Quantity) string) func(T) any {
		return func(m T) any { return unit(s.usage(m)[name]) }
	}
	return generic.NewTable([]generic.Column[T]{
		generic.Name[T](),
		{Name: "cpu", Doc: "CPU that is used, in thousandths of a core.",
			Cell: used(corev1.ResourceCPU, func(q resource.Quantity) string {
				return resource.NewMilliQuantity(q.MilliValue(), resource.DecimalSI).String()
			})},
		{Name: "memory", Doc: "Memory of the working set.",
			Cell: used(corev1.ResourceMemory, func(q resource.Quantity) string { return resource.NewQuantity(q.Value(), resource.BinarySI).String() })},
		{Name: "Window", Doc: "The time over which usage was measured.", Cell: func(m T) any { return s.window(m).Duration.String() }},
	}).ConvertToTable(ctx, obj, options)
}
