package horizontalpodautoscaler

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/record"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
	"github.com/etalon-dev/etalon/reference/controllers/deployment"
	"github.com/etalon-dev/etalon/reference/controllers/replicaset"
)

// demand answers for every metric with a value that the scenario sets; below zero there is none.
type demand struct{ atomic.Int64 }

func (*demand) run(context.Context, time.Duration) {}

func (d *demand) read(context.Context, string, autoscalingv2.MetricSpec, labels.Selector) reading {
	if v := d.Load(); v >= 0 {
		return reading{value: v * 1000}
	}
	return reading{err: fmt.Errorf("the metric is gone")}
}

// deployments are the scales of Deployments, by the typed client, which the simulated world serves.
type deployments struct {
	scale.ScaleInterface
	client    kubernetes.Interface
	namespace string
}

func (d deployments) Scales(namespace string) scale.ScaleInterface {
	return deployments{client: d.client, namespace: namespace}
}

func (d deployments) Get(ctx context.Context, _ schema.GroupResource, name string, opts metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return d.client.AppsV1().Deployments(d.namespace).GetScale(ctx, name, opts)
}

func (d deployments) Update(ctx context.Context, _ schema.GroupResource, s *autoscalingv1.Scale, opts metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	return d.client.AppsV1().Deployments(d.namespace).UpdateScale(ctx, s.Name, s, opts)
}

func inTheWorld(d *demand) sim.New {
	return func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
		apps := schema.GroupVersion{Group: "apps", Version: "v1"}
		mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{apps})
		mapper.Add(apps.WithKind("Deployment"), meta.RESTScopeNamespace)
		return newController(client, shared, &targets{mapper, deployments{client: client}}, d, events, defaults)
	}
}

// Whatever happens to requests, caches, nodes and the controller itself, the size that the autoscaler sets is within
// its bounds, it never takes from a target that a user has set to zero, and once the demand stays the same so does
// the size: that which the demand asks for, and nothing is written any more.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		least := rapid.Int32Range(0, 3).Draw(t, "least")
		most := rapid.Int32Range(max(1, least), 8).Draw(t, "most")
		wanted := &demand{}
		wanted.Store(rapid.Int64Range(0, 100).Draw(t, "demand"))
		hpa := autoscaler("web", external("queue", "10"))
		hpa.Namespace, hpa.UID = sim.Namespace, ""
		hpa.Spec.MinReplicas, hpa.Spec.MaxReplicas = &least, most
		if rapid.Bool().Draw(t, "plain") {
			hpa.Spec.Behavior = nil
		}
		replicas := rapid.Int32Range(0, 9).Draw(t, "replicas")
		zeroByHand := replicas == 0
		web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: sim.Namespace, Name: "web"}, Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}},
		}}
		return sim.Scenario{
			Controllers: map[string]sim.New{
				Name:         inTheWorld(wanted),
				"deployment": sim.Controller(deployment.New),
				"replicaset": sim.Controller(replicaset.New),
			},
			Objects: []sim.Object{web, hpa},
			Actions: map[string]sim.Action{
				"demand": func(t *rapid.T) sim.Act {
					v := rapid.Int64Range(0, 120).Draw(t, "demand")
					return func(*sim.World) { wanted.Store(v) }
				},
				"metric lost for a while": func(*rapid.T) sim.Act {
					return func(w *sim.World) {
						before := wanted.Swap(-1)
						w.Sleep(40 * time.Second)
						wanted.Store(before)
					}
				},
				"scale by hand": func(t *rapid.T) sim.Act {
					n := rapid.Int32Range(0, 9).Draw(t, "replicas")
					return func(w *sim.World) {
						zeroByHand = zeroByHand || n == 0
						sim.Update(w, "web", func(d *appsv1.Deployment) { d.Spec.Replicas = &n })
					}
				},
			},
			Invariants: map[string]sim.Invariant{
				"within bounds": func(_ *sim.World, write sim.Write) error {
					d, ok := write.After.(*appsv1.Deployment)
					if !ok || write.Actor != Name {
						return nil
					}
					if n := *d.Spec.Replicas; n < least || n > most {
						return fmt.Errorf("%d replicas, of %d to %d", n, least, most)
					}
					return nil
				},
			},
			Settled: func(w *sim.World) error { return settled(w, wanted.Load(), least, most, zeroByHand) },
		}
	})
}

func settled(w *sim.World, demand int64, least, most int32, zeroByHand bool) error {
	d, _ := sim.Get[*appsv1.Deployment](w, "web")
	h, _ := sim.Get[*autoscalingv2.HorizontalPodAutoscaler](w, "web")
	n := *d.Spec.Replicas
	if active := condition(&h.Status, autoscalingv2.ScalingActive); n == 0 && active != nil && active.Reason == "ScalingDisabled" {
		if !zeroByHand {
			return fmt.Errorf("it takes its own zero for a pause: %+v", h.Status)
		}
		return nil
	}
	if n < least || n > most || h.Status.CurrentReplicas != n {
		return fmt.Errorf("%d replicas of %d to %d, status %+v", n, least, most, h.Status)
	}
	wanted := max(least, min(most, wholeReplicas(float64(demand)/10)))
	if n != wanted && !defaultTolerances.allow(float64(demand)/float64(10*n)) {
		return fmt.Errorf("%d replicas, %d for a demand of %d; status %+v", n, wanted, demand, h.Status)
	}
	return nil
}

var defaultTolerances = tolerances{DefaultTolerance, DefaultTolerance}
