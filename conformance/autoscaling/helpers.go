package autoscaling

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// looks is long enough for a controller to look at an autoscaler twice.
const looks = 35 * time.Second

// aiming describes an autoscaler of the Deployment "web", of 1 to 10 replicas, that goes down at once; spec adds to that.
func aiming(spec string) *autoscalingv2.HorizontalPodAutoscaler {
	GinkgoHelper()
	all := Fields(`{metadata: {name: web}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 1, maxReplicas: 10,
		behavior: {scaleDown: {stabilizationWindowSeconds: 0}}}}`)
	for key, value := range Fields(spec) {
		all["spec"].(map[string]any)[key] = value
	}
	var hpa autoscalingv2.HorizontalPodAutoscaler
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(all, &hpa, true)).To(Succeed())
	return &hpa
}

// perReplica is a metric of the spec's own: so much of it for each replica.
func perReplica(name string, value int) string {
	return fmt.Sprintf(`{type: External, external: {metric: {name: %s}, target: {type: AverageValue, averageValue: "%d"}}}`, name, value)
}

// fixture is a Deployment "web" and the metrics by which it is scaled.
type fixture struct {
	*Framework
	metrics *GroupServer
	target  *appsv1.Deployment
}

func withTarget(ctx context.Context, f *Framework, replicas int32) *fixture {
	GinkgoHelper()
	x := &fixture{f, f.ServeGroup(ctx, "external.metrics.k8s.io", "v1beta1"), Deployment("web", replicas, Idle())}
	f.Create(ctx, x.target)
	f.WaitDeployment(ctx, "web", "has its replicas", func(d *appsv1.Deployment) bool { return d.Status.Replicas == replicas })
	return x
}

// tell makes the value that of the external metric.
func (x *fixture) tell(ctx context.Context, metric string, value int) {
	GinkgoHelper()
	x.metrics.Tell(ctx, metric, Measurement{Value: fmt.Sprint(value)})
}

// wants waits until the Deployment is to have that many replicas.
func (x *fixture) wants(ctx context.Context, replicas int32) {
	GinkgoHelper()
	x.WaitDeployment(ctx, "web", fmt.Sprintf("wants %d replicas", replicas), func(d *appsv1.Deployment) bool { return *d.Spec.Replicas == replicas })
}

// sizes observes how many replicas the Deployment wants.
func (x *fixture) sizes(ctx context.Context) *Observer[*appsv1.Deployment] {
	GinkgoHelper()
	return x.WatchDeployment(ctx, "web")
}

func other(than int32) func([]*appsv1.Deployment) bool {
	return func(all []*appsv1.Deployment) bool { return len(all) == 1 && *all[0].Spec.Replicas != than }
}

func exactly(n int32) func([]*appsv1.Deployment) bool {
	return func(all []*appsv1.Deployment) bool { return len(all) == 1 && *all[0].Spec.Replicas == n }
}

// waitFor waits for a state of the autoscaler and returns it as it was then.
func waitFor(ctx context.Context, f *Framework, name, what string, so func(*autoscalingv2.HorizontalPodAutoscaler) bool) *autoscalingv2.HorizontalPodAutoscaler {
	GinkgoHelper()
	var hpa *autoscalingv2.HorizontalPodAutoscaler
	f.WaitUntil(ctx, "the autoscaler "+name+" "+what, SettleTimeout, func(ctx context.Context) (bool, string) {
		var err error
		if hpa, err = f.API.AutoscalingV2().HorizontalPodAutoscalers(f.Namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return false, err.Error()
		}
		return so(hpa), line(hpa)
	})
	return hpa
}

// waitCondition waits until the autoscaler has a condition, given as "Type=Status Reason".
func waitCondition(ctx context.Context, f *Framework, name, condition string) *autoscalingv2.HorizontalPodAutoscaler {
	GinkgoHelper()
	return waitFor(ctx, f, name, "has the condition "+condition, func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool { return has(hpa, condition) })
}

func has(hpa *autoscalingv2.HorizontalPodAutoscaler, condition string) bool {
	for _, c := range hpa.Status.Conditions {
		if shown(c) == condition {
			return true
		}
	}
	return false
}

func shown(c autoscalingv2.HorizontalPodAutoscalerCondition) string {
	return fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason)
}

// message is that of the condition of a type.
func message(hpa *autoscalingv2.HorizontalPodAutoscaler, kind autoscalingv2.HorizontalPodAutoscalerConditionType) string {
	for _, c := range hpa.Status.Conditions {
		if c.Type == kind {
			return c.Message
		}
	}
	return ""
}

// measured says that the autoscaler has read the value of its external metric, per replica.
func measured(value string) func(*autoscalingv2.HorizontalPodAutoscaler) bool {
	return func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
		for _, m := range hpa.Status.CurrentMetrics {
			if m.External != nil && m.External.Current.AverageValue != nil && m.External.Current.AverageValue.String() == value {
				return true
			}
		}
		return false
	}
}

func line(hpa *autoscalingv2.HorizontalPodAutoscaler) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d replicas, wants %d", hpa.Status.CurrentReplicas, hpa.Status.DesiredReplicas)
	for _, c := range hpa.Status.Conditions {
		fmt.Fprintf(&b, ", %s (%s)", shown(c), c.Message)
	}
	return b.String()
}

// outside tells of a Deployment that wants fewer or more replicas than it may.
func outside(all []*appsv1.Deployment, least, most int32) string {
	for _, d := range all {
		if *d.Spec.Replicas < least || *d.Spec.Replicas > most {
			return fmt.Sprintf("it wants %d replicas", *d.Spec.Replicas)
		}
	}
	return ""
}
