package metrics

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

type fixed struct{ Nothing }

func (fixed) Pods(_ context.Context, namespace string) ([]metricsv1beta1.PodMetrics, error) {
	usage := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	pod := func(name, app string) metricsv1beta1.PodMetrics {
		return metricsv1beta1.PodMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app": app}},
			Containers: []metricsv1beta1.ContainerMetrics{{Name: "a", Usage: usage("100m", "1Mi")}, {Name: "b", Usage: usage("1", "2Mi")}},
		}
	}
	return []metricsv1beta1.PodMetrics{pod("two", "x"), pod("one", "y"), pod("three", "x")}, nil
}

func TestPods(t *testing.T) {
	pods := Install(fixed{})["pods"]
	ctx := genericapirequest.WithNamespace(context.Background(), "default")
	got, err := pods.(rest.Lister).List(ctx, &metainternalversion.ListOptions{LabelSelector: labels.SelectorFromSet(labels.Set{"app": "x"})})
	if err != nil {
		t.Fatal(err)
	}
	items := got.(*metricsv1beta1.PodMetricsList).Items
	if len(items) != 2 || items[0].Name != "three" || items[1].Name != "two" {
		t.Fatalf("by label, by name: %v", items)
	}
	table, err := pods.(rest.TableConvertor).ConvertToTable(ctx, got, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := table.Rows[0].Cells; len(c) != 4 || c[0] != "three" || c[1] != "1100m" || c[2] != "3Mi" || c[3] != "0s" {
		t.Errorf("row %v", c)
	}
	if _, err := pods.(rest.Getter).Get(ctx, "two", nil); err != nil {
		t.Error(err)
	}
	if _, err := pods.(rest.Getter).Get(ctx, "none", nil); !apierrors.IsNotFound(err) {
		t.Errorf("a pod that is not measured: %v", err)
	}
}

func TestNodesOfNothing(t *testing.T) {
	got, err := Install(Nothing{})["nodes"].(rest.Lister).List(context.Background(), nil)
	if err != nil || len(got.(*metricsv1beta1.NodeMetricsList).Items) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}
