package horizontalpodautoscaler

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	scalefake "k8s.io/client-go/scale/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

var key = types.NamespacedName{Namespace: "default", Name: "web"}

// readings answers for metrics by their name.
type readings map[string]reading

func (readings) run(context.Context, time.Duration) {}

func (r readings) read(_ context.Context, _ string, spec autoscalingv2.MetricSpec, _ labels.Selector) reading {
	if answer, ok := r[spec.External.Metric.Name]; ok {
		return answer
	}
	return reading{err: errors.New("no such metric")}
}

func external(name, target string) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: name},
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse(target))},
	}}
}

func autoscaler(name string, metrics ...autoscalingv2.MetricSpec) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: 2, UID: types.UID("uid-" + name)},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas:    ptr.To[int32](1), MaxReplicas: 10, Metrics: metrics,
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{
				ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](0)}},
		},
	}
}

// world is a controller, the one target it has, and what it is told of metrics.
type world struct {
	*Controller
	client   *fake.Clientset
	scale    *autoscalingv1.Scale
	refusals []error // of the next updates of the scale
	readings readings
	events   func() []string
	at       time.Time
}

func newWorld(t *testing.T, replicas int32, objects ...runtime.Object) *world {
	w := &world{client: fake.NewClientset(objects...), readings: readings{}, at: noon}
	w.scale = &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", ResourceVersion: "1"},
		Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
		Status:     autoscalingv1.ScaleStatus{Replicas: replicas, Selector: "app=web"},
	}
	scales := &scalefake.FakeScaleClient{}
	scales.AddReactor("get", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) { return true, w.scale.DeepCopy(), nil })
	scales.AddReactor("update", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if len(w.refusals) > 0 {
			err := w.refusals[0]
			w.refusals = w.refusals[1:]
			return true, nil, err
		}
		w.scale = action.(clienttesting.UpdateAction).GetObject().(*autoscalingv1.Scale).DeepCopy()
		w.scale.Status.Replicas = w.scale.Spec.Replicas
		return true, w.scale.DeepCopy(), nil
	})
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{apps})
	mapper.Add(apps.WithKind("Deployment"), meta.RESTScopeNamespace)
	shared := informers.NewSharedInformerFactory(w.client, 0)
	recorder, events := controllertest.Recorder()
	w.Controller = newController(w.client, shared, &targets{mapper, scales}, w.readings, recorder, defaults)
	w.now = func() time.Time { return w.at }
	w.events = events
	controllertest.Start(t, shared)
	return w
}

// look reconciles, waits until the cache shows what was written, and returns the autoscaler.
func (w *world) look(t *testing.T, name string) *autoscalingv2.HorizontalPodAutoscaler {
	t.Helper()
	key := types.NamespacedName{Namespace: "default", Name: name}
	w.at = w.at.Add(DefaultSyncPeriod)
	after, err := w.Reconcile(t.Context(), key)
	if err != nil || after != DefaultSyncPeriod {
		t.Fatalf("again after %s, error %v", after, err)
	}
	hpa, err := w.client.AutoscalingV2().HorizontalPodAutoscalers("default").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		cached, err := w.autoscalers.HorizontalPodAutoscalers("default").Get(name)
		if err == nil && cached.ResourceVersion == hpa.ResourceVersion && equalStatus(cached, hpa) {
			return hpa
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the cache never showed the status")
		case <-time.After(time.Millisecond):
		}
	}
}

// equalStatus compares without printing: a Quantity that is printed changes, and that of a cache must not.
func equalStatus(a, b *autoscalingv2.HorizontalPodAutoscaler) bool {
	return equality.Semantic.DeepEqual(a.Status, b.Status)
}

func (w *world) writes() (count int) {
	for _, action := range w.client.Actions() {
		if action.GetVerb() == "update" {
			count++
		}
	}
	return count
}

func TestLookScalesAndReports(t *testing.T) {
	w := newWorld(t, 2, autoscaler("web", external("queue", "10")), onePod("a"), onePod("b"))
	w.readings["queue"] = reading{value: 45000}
	hpa := w.look(t, "web")
	if w.scale.Spec.Replicas != 5 {
		t.Errorf("%d replicas, want 5", w.scale.Spec.Replicas)
	}
	s := hpa.Status
	if s.CurrentReplicas != 2 || s.DesiredReplicas != 5 || s.LastScaleTime == nil || s.ObservedGeneration == nil || *s.ObservedGeneration != 2 ||
		len(s.CurrentMetrics) != 1 || s.CurrentMetrics[0].External.Current.AverageValue.String() != "22500m" {
		t.Errorf("status %+v", s)
	}
	want := []string{"AbleToScale True SucceededRescale the HPA controller was able to update the target scale to 5",
		"ScalingActive True ValidMetricFound the HPA was able to successfully calculate a replica count from external metric queue(nil)",
		"ScalingLimited False DesiredWithinRange the desired count is within the acceptable range",
		"ScaledToZero False NotScaledToZero the HPA controller did not scale the workload to zero"}
	if got := told(hpa); !slices.Equal(got, want) {
		t.Errorf("conditions\n%s", strings.Join(got, "\n"))
	}
	if got, want := w.events(), []string{"Normal SuccessfulRescale New size: 5; reason: external metric queue(nil) above target"}; !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}

	hpa = w.look(t, "web")
	if got := told(hpa)[0]; got != "AbleToScale True ReadyForNewScale recommended size matches current size" {
		t.Errorf("at rest: %s", got)
	}
	writes := w.writes()
	for range 3 {
		w.look(t, "web")
	}
	if got := w.writes(); got != writes || len(w.events()) != 0 {
		t.Errorf("%d writes at rest", got-writes)
	}
}

func told(hpa *autoscalingv2.HorizontalPodAutoscaler) (lines []string) {
	for _, c := range hpa.Status.Conditions {
		lines = append(lines, strings.Join([]string{string(c.Type), string(c.Status), c.Reason, c.Message}, " "))
	}
	return lines
}

func TestMissingMetrics(t *testing.T) {
	w := newWorld(t, 4, autoscaler("web", external("lost", "10"), external("queue", "10")), onePod("a"))
	w.readings["queue"] = reading{value: 10000}
	hpa := w.look(t, "web")
	if w.scale.Spec.Replicas != 4 {
		t.Errorf("scaled down to %d although a metric is missing", w.scale.Spec.Replicas)
	}
	if got, want := told(hpa)[1], "ScalingActive False FailedGetExternalMetric the HPA was unable to compute the replica count: no such metric"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	want := []string{"Warning FailedGetExternalMetric no such metric",
		"Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 2), first error is: failed to get lost external metric value: failed to get lost external metric: no such metric"}
	if got := w.events(); !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
	if hpa.Status.CurrentReplicas != 4 || len(hpa.Status.CurrentMetrics) != 2 || hpa.Status.CurrentMetrics[1].External == nil {
		t.Errorf("status %+v", hpa.Status)
	}
	w.readings["queue"] = reading{value: 60000}
	w.look(t, "web")
	if w.scale.Spec.Replicas != 6 {
		t.Errorf("%d replicas, want 6: a missing metric does not stand in the way of more", w.scale.Spec.Replicas)
	}
}

func TestPausedTarget(t *testing.T) {
	w := newWorld(t, 0, autoscaler("web", external("queue", "10")))
	w.readings["queue"] = reading{value: 90000}
	hpa := w.look(t, "web")
	if w.scale.Spec.Replicas != 0 || !slices.Contains(told(hpa), "ScalingActive False ScalingDisabled scaling is disabled since the replica count of the target is zero") {
		t.Errorf("%d replicas, conditions %q", w.scale.Spec.Replicas, told(hpa))
	}
}

func TestToZeroAndBack(t *testing.T) {
	hpa := autoscaler("web", external("queue", "10"))
	hpa.Spec.MinReplicas = ptr.To[int32](0)
	w := newWorld(t, 2, hpa, onePod("a"))
	w.readings["queue"] = reading{}
	// The process ends right after it has set the scale: whoever comes next knows whose zero it is.
	w.client.PrependReactor("update", "horizontalpodautoscalers", func(clienttesting.Action) (bool, runtime.Object, error) {
		if w.scale.Spec.Replicas == 0 {
			return true, nil, errors.New("ended")
		}
		return false, nil, nil
	})
	if _, err := w.Reconcile(t.Context(), key); err == nil || w.scale.Spec.Replicas != 0 {
		t.Fatalf("%d replicas, error %v", w.scale.Spec.Replicas, err)
	}
	stored, _ := w.client.AutoscalingV2().HorizontalPodAutoscalers("default").Get(t.Context(), "web", metav1.GetOptions{})

	w = newWorld(t, 0, stored)
	w.readings["queue"] = reading{value: 25000}
	again := w.look(t, "web")
	if w.scale.Spec.Replicas != 3 || scaledToZero(&again.Status) {
		t.Errorf("%d replicas, conditions %q", w.scale.Spec.Replicas, told(again))
	}
}

func TestPodsOfTwoAutoscalers(t *testing.T) {
	w := newWorld(t, 2, autoscaler("web", external("queue", "10")), autoscaler("other", external("queue", "10")), onePod("a"))
	w.readings["queue"] = reading{value: 90000}
	w.look(t, "web") // the first does not know of the other yet
	w.scale.Spec.Replicas = 2
	w.look(t, "other")
	hpa := w.look(t, "web")
	want := "ScalingActive False AmbiguousSelector pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]"
	if got := told(hpa); !slices.Contains(got, want) || w.scale.Spec.Replicas != 2 {
		t.Errorf("%d replicas, conditions %q", w.scale.Spec.Replicas, got)
	}
	if got := w.events(); !slices.ContainsFunc(got, func(e string) bool { return strings.HasPrefix(e, "Warning AmbiguousSelector pods by selector") }) {
		t.Errorf("events %q", got)
	}
	if err := w.client.AutoscalingV2().HorizontalPodAutoscalers("default").Delete(t.Context(), "other", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := w.autoscalers.HorizontalPodAutoscalers("default").Get("other"); apierrors.IsNotFound(err) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := w.Reconcile(t.Context(), types.NamespacedName{Namespace: "default", Name: "other"}); err != nil {
		t.Fatal(err)
	}
	if hpa = w.look(t, "web"); condition(&hpa.Status, autoscalingv2.ScalingActive).Status != corev1.ConditionTrue {
		t.Errorf("alone again: conditions %q", told(hpa))
	}
}

func TestTargetsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*autoscalingv2.HorizontalPodAutoscaler, *world)
		want   string
		event  string
	}{
		"no such kind": {func(h *autoscalingv2.HorizontalPodAutoscaler, _ *world) { h.Spec.ScaleTargetRef.Kind = "Fleet" },
			`AbleToScale False FailedGetScale the HPA controller was unable to get the target's current scale: no matches for `, "Warning FailedGetScale"},
		"no version": {func(h *autoscalingv2.HorizontalPodAutoscaler, _ *world) { h.Spec.ScaleTargetRef.APIVersion = "a/b/c" },
			"AbleToScale False FailedGetScale", "Warning FailedGetScale"},
		"no selector": {func(_ *autoscalingv2.HorizontalPodAutoscaler, w *world) { w.scale.Status.Selector = "" },
			"ScalingActive False InvalidSelector the HPA target's scale is missing a selector", "Warning SelectorRequired selector is required"},
		"no good selector": {func(_ *autoscalingv2.HorizontalPodAutoscaler, w *world) { w.scale.Status.Selector = "a=b=c" },
			"ScalingActive False InvalidSelector couldn't convert selector into a corresponding internal selector object: ", "Warning InvalidSelector"},
	} {
		hpa := autoscaler("web", external("queue", "10"))
		c.change(hpa, &world{scale: &autoscalingv1.Scale{}})
		w := newWorld(t, 2, hpa)
		c.change(hpa, w)
		got := told(w.look(t, "web"))
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, c.want) }) {
			t.Errorf("%s: conditions %q", name, got)
		}
		if events := w.events(); len(events) == 0 || !strings.HasPrefix(events[0], c.event) {
			t.Errorf("%s: events %q", name, events)
		}
	}
}

func TestResizeMeetsOthers(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "deployments"}, "web", errors.New("changed"))
	w := newWorld(t, 2, autoscaler("web", external("queue", "10")), onePod("a"))
	w.readings["queue"] = reading{value: 45000}
	w.refusals = []error{conflict, conflict}
	w.look(t, "web")
	if w.scale.Spec.Replicas != 5 {
		t.Errorf("%d replicas after two conflicts, want 5", w.scale.Spec.Replicas)
	}

	w = newWorld(t, 2, autoscaler("web", external("queue", "10")), onePod("a"))
	w.readings["queue"] = reading{value: 45000}
	w.refusals = []error{errors.New("not today")}
	hpa := w.look(t, "web")
	if got, want := told(hpa)[0], "AbleToScale False FailedUpdateScale the HPA controller was unable to update the target scale: not today"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got, want := w.events(), []string{"Warning FailedRescale New size: 5; reason: external metric queue(nil) above target; error: not today"}; !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
	if w.look(t, "web"); w.scale.Spec.Replicas != 5 {
		t.Errorf("%d replicas at the next look, want 5", w.scale.Spec.Replicas)
	}
}
