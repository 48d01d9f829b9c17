package controllers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
	"github.com/etalon-dev/etalon/reference/controllers/horizontalpodautoscaler"
)

// The Deployment is as large as the length of a queue asks for. Its generation
// tells how often it was resized: once for each length, whenever the autoscaler
// was killed.
func autoscalerFaults() []fault.Scenario {
	q := &queues{length: map[string]int64{}}
	start := func(ctx context.Context, config *rest.Config) error {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return metricsServer{q, next} })
		return controllers.Run(ctx, controllers.Options{
			Config: config, HorizontalPodAutoscaler: horizontalpodautoscaler.Options{SyncPeriod: 400 * time.Millisecond},
			Controllers: []string{horizontalpodautoscaler.Name, "deployment-controller", "replicaset-controller"},
		})
	}
	is := func(length int64) func(ctx context.Context, r *fault.Round) error {
		return func(_ context.Context, r *fault.Round) error {
			q.set(r.Namespace, length)
			return nil
		}
	}
	return []fault.Scenario{{
		Name: "autoscaler", Start: start, Throughout: atMost(5, 1),
		Outcome: func(ctx context.Context, r *fault.Round) (string, error) {
			hpa, err := r.Client.AutoscalingV2().HorizontalPodAutoscalers(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			d, err := r.Client.AppsV1().Deployments(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			deployments, err := deploymentOutcome(ctx, r)
			return fmt.Sprintf("%s\nDeployment of generation %d\n%s", fault.Text(hpa.Status, "lastScaleTime"), d.Generation, deployments), err
		},
		Steps: []fault.Step{
			{Name: "a queue of one", Do: is(10)},
			{Name: "create", Do: createAutoscaler, Until: sized(1)},
			{Name: "a queue of four", Do: is(40), Until: sized(4)},
			{Name: "a queue of two", Do: is(20), Until: sized(2)},
		},
	}}
}

// createAutoscaler makes the Deployment web of one pod, and its autoscaler.
func createAutoscaler(ctx context.Context, r *fault.Round) error {
	if err := createDeployment(1)(ctx, r); err != nil {
		return err
	}
	_, err := r.Client.AutoscalingV2().HorizontalPodAutoscalers(r.Namespace).Create(ctx, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}, MaxReplicas: 10,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: "queue"},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse("10"))},
			}}},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: new(int32)}},
		},
	}, metav1.CreateOptions{})
	return err
}

// sized waits until the Deployment is complete with so many replicas, and the
// autoscaler knows that it is and wants no other number.
func sized(replicas int32) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		if err := deployed(replicas)(ctx, r); err != nil {
			return err
		}
		hpa, err := r.Client.AutoscalingV2().HorizontalPodAutoscalers(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err == nil && (hpa.Status.CurrentReplicas != replicas || hpa.Status.DesiredReplicas != replicas) {
			err = fmt.Errorf("the autoscaler says %s", fault.Text(hpa.Status))
		}
		return err
	}
}

// queues are what the metric is about, by namespace.
type queues struct {
	mu     sync.Mutex
	length map[string]int64
}

func (q *queues) set(namespace string, length int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.length[namespace] = length
}

func (q *queues) get(namespace string) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length[namespace]
}

// metricsServer stands in for an API of external metrics on the way to the API server.
type metricsServer struct {
	*queues
	next http.RoundTripper
}

func (m metricsServer) RoundTrip(r *http.Request) (*http.Response, error) {
	_, of, asked := strings.Cut(r.URL.Path, "/apis/external.metrics.k8s.io/v1beta1/namespaces/")
	if !asked {
		return m.next.RoundTrip(r)
	}
	namespace, metric, _ := strings.Cut(of, "/")
	body, err := json.Marshal(v1beta1.ExternalMetricValueList{
		TypeMeta: metav1.TypeMeta{APIVersion: "external.metrics.k8s.io/v1beta1", Kind: "ExternalMetricValueList"},
		Items: []v1beta1.ExternalMetricValue{{
			MetricName: metric, Timestamp: metav1.Now(), Value: *resource.NewQuantity(m.get(namespace), resource.DecimalSI),
		}},
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}, nil
}
