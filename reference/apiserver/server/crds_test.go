package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

const patience = time.Minute

var gauges = schema.GroupVersionResource{Group: "example.org", Version: "v1", Resource: "gauges"}

// A CustomResourceDefinition makes its resource served, checked by its schema and listed among the
// APIServices; its deletion ends all three.
func TestCustomResources(t *testing.T) {
	config := apiservertest.Start(t)
	definitions := apiextensions.NewForConfigOrDie(config).ApiextensionsV1().CustomResourceDefinitions()
	if _, err := definitions.Create(t.Context(), gaugeDefinition(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	client := dynamic.NewForConfigOrDie(config).Resource(gauges).Namespace("default")
	eventually(t, "the resource is served", func(ctx context.Context) error {
		_, err := client.List(ctx, metav1.ListOptions{})
		return err
	})

	made, err := client.Create(t.Context(), gauge("right", int64(3)), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if unit, _, _ := unstructured.NestedString(made.Object, "spec", "unit"); unit != "mm" {
		t.Errorf("spec.unit: got %q, wanted the default mm", unit)
	}
	_, err = client.Create(t.Context(), gauge("wrong", int64(-1)), metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec.size") {
		t.Errorf("a size below the minimum: got %v, wanted spec.size to be invalid", err)
	}

	eventually(t, "the group has an APIService that is available", func(ctx context.Context) error {
		return available(ctx, config, "v1.example.org")
	})
	if err := definitions.Delete(t.Context(), gaugeDefinition().Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the APIService is gone", func(ctx context.Context) error {
		if err := available(ctx, config, "v1.example.org"); !apierrors.IsNotFound(err) {
			return apierrors.NewConflict(schema.GroupResource{Resource: "apiservices"}, "v1.example.org", err)
		}
		return nil
	})
}

// Every built-in group has an APIService that this server answers for.
func TestLocalAPIServicesAreAvailable(t *testing.T) {
	config := apiservertest.Start(t)
	for _, name := range []string{"v1.", "v1.apps", "v1.apiextensions.k8s.io", "v2.autoscaling"} {
		eventually(t, name+" is available", func(ctx context.Context) error { return available(ctx, config, name) })
	}
}

func available(ctx context.Context, config *rest.Config, name string) error {
	service, err := aggregator.NewForConfigOrDie(config).ApiregistrationV1().APIServices().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range service.Status.Conditions {
		if c.Type == apiregistrationv1.Available && c.Status == apiregistrationv1.ConditionTrue {
			return nil
		}
	}
	return apierrors.NewServiceUnavailable(name + " is not available")
}

func gaugeDefinition() *apiextensionsv1.CustomResourceDefinition {
	minimum := 0.0
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "gauges.example.org"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: gauges.Group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "gauges", Singular: "gauge", Kind: "Gauge", ListKind: "GaugeList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: gauges.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object",
					Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {
						Type: "object",
						Properties: map[string]apiextensionsv1.JSONSchemaProps{
							"size": {Type: "integer", Minimum: &minimum},
							"unit": {Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte(`"mm"`)}},
						},
					}},
				}},
			}},
		},
	}
}

func gauge(name string, size int64) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.org/v1", "kind": "Gauge",
		"metadata": map[string]any{"name": name}, "spec": map[string]any{"size": size},
	}}
}

func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waited %s until %s; last: %v", patience, what, last)
	}
}
