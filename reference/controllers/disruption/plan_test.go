package disruption

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var now = time.Unix(1_800_000_000, 0)

func budget(minAvailable, maxUnavailable *intstr.IntOrString) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "pdb", Generation: 3},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: minAvailable, MaxUnavailable: maxUnavailable,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	}
}

func of(v any) *intstr.IntOrString {
	if percent, ok := v.(string); ok {
		return ptr.To(intstr.FromString(percent))
	}
	return ptr.To(intstr.FromInt32(int32(v.(int))))
}

// some returns so many pods, of which so many are ready.
func some(count, ready int) []*corev1.Pod {
	pods := make([]*corev1.Pod, count)
	for i := range pods {
		pods[i] = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: fmt.Sprintf("web-%d", i), Labels: map[string]string{"app": "web"},
		}}
		if i < ready {
			pods[i].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}
	}
	return pods
}

func TestRequired(t *testing.T) {
	for _, test := range []struct {
		min, max       *intstr.IntOrString
		expected, want int32
	}{
		{of(2), nil, 5, 2},
		{of(7), nil, 5, 7},
		{of("50%"), nil, 7, 4}, // rounded up
		{of("100%"), nil, 7, 7},
		{of("0%"), nil, 7, 0},
		{nil, of(1), 5, 4},
		{nil, of(9), 5, 0},
		{nil, of(0), 5, 5},
		{nil, of("30%"), 7, 4}, // 2.1 missing, rounded up to 3
		{nil, of("100%"), 7, 0},
		{nil, nil, 5, 0},
	} {
		got, err := required(budget(test.min, test.max), test.expected)
		if err != nil || got != test.want {
			t.Errorf("min %v, max %v of %d: %d, %v; want %d", test.min, test.max, test.expected, got, err, test.want)
		}
	}
}

func TestPlan(t *testing.T) {
	for name, test := range map[string]struct {
		budget           *policyv1.PodDisruptionBudget
		pods             []*corev1.Pod
		expected         int32
		healthy, allowed int32
		reason           string
	}{
		"room":                {budget(of(2), nil), some(4, 3), 4, 3, 1, "SufficientPods"},
		"none":                {budget(of(3), nil), some(4, 3), 4, 3, 0, "InsufficientPods"},
		"fewer than needed":   {budget(of(3), nil), some(4, 1), 4, 1, 0, "InsufficientPods"},
		"more than there are": {budget(nil, of(1)), some(6, 6), 5, 6, 2, "SufficientPods"},
		"no pods yet":         {budget(nil, of(1)), nil, 0, 0, 0, "InsufficientPods"},
		"nothing expected":    {budget(of(0), nil), nil, 0, 0, 0, "InsufficientPods"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := plan(test.budget, test.pods, test.expected, now)
			if err != nil {
				t.Fatal(err)
			}
			s := o.status
			if s.CurrentHealthy != test.healthy || s.DisruptionsAllowed != test.allowed || s.ExpectedPods != test.expected || s.ObservedGeneration != 3 {
				t.Errorf("status %+v, want %d healthy and %d allowed", s, test.healthy, test.allowed)
			}
			if len(s.Conditions) != 1 || s.Conditions[0].Reason != test.reason || s.Conditions[0].ObservedGeneration != 3 ||
				(s.Conditions[0].Status == metav1.ConditionTrue) != (test.allowed > 0) {
				t.Errorf("conditions %+v, want %s", s.Conditions, test.reason)
			}
		})
	}
}

func TestPlanWaitsForEvictions(t *testing.T) {
	b := budget(of(2), nil)
	pods := some(5, 5)
	pods[3].DeletionTimestamp = &metav1.Time{Time: now}
	b.Status.DisruptedPods = map[string]metav1.Time{
		"web-0": metav1.NewTime(now.Add(-time.Minute)),      // not yet seen to go
		"web-1": metav1.NewTime(now.Add(-10 * time.Second)), // neither
		"web-2": metav1.NewTime(now.Add(-deletionTimeout)),  // it does not go
		"web-3": metav1.NewTime(now),                        // going
		"web-9": metav1.NewTime(now),                        // gone
	}
	o, err := plan(b, pods, 5, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.status.DisruptedPods) != 2 || o.recheck != time.Minute || o.status.CurrentHealthy != 2 || o.status.DisruptionsAllowed != 0 {
		t.Errorf("status %+v, looked at again in %s", o.status, o.recheck)
	}
	if len(o.overdue) != 1 || o.overdue[0].Name != "web-2" {
		t.Errorf("overdue are %v, want web-2", o.overdue)
	}
	if len(b.Status.DisruptedPods) != 5 {
		t.Error("the cached budget was changed")
	}
}

func TestFailed(t *testing.T) {
	b := budget(of("50%"), nil)
	b.Status = policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 2, CurrentHealthy: 4, ObservedGeneration: 2}
	got := failed(b, errors.New("no scale"))
	c := got.Conditions[0]
	if got.DisruptionsAllowed != 0 || got.CurrentHealthy != 4 || c.Reason != "SyncFailed" || c.Message != "no scale" || c.Status != metav1.ConditionFalse || c.ObservedGeneration != 2 {
		t.Errorf("status %+v", got)
	}
}

// As many as are allowed can go, and what is needed is left; and planning once
// more changes nothing.
func TestPlanKeepsWhatIsNeeded(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		value := rapid.OneOf(
			rapid.Custom(func(r *rapid.T) any { return rapid.IntRange(0, 12).Draw(r, "number") }),
			rapid.Custom(func(r *rapid.T) any { return fmt.Sprintf("%d%%", rapid.IntRange(0, 100).Draw(r, "share")) }),
		).Draw(r, "value")
		b := budget(of(value), nil)
		if rapid.Bool().Draw(r, "max") {
			b = budget(nil, of(value))
		}
		count := rapid.IntRange(0, 12).Draw(r, "pods")
		pods := some(count, rapid.IntRange(0, count).Draw(r, "ready"))
		b.Status.DisruptedPods = map[string]metav1.Time{}
		for _, pod := range pods {
			switch rapid.IntRange(0, 3).Draw(r, "fate") {
			case 1:
				pod.DeletionTimestamp = &metav1.Time{Time: now}
			case 2:
				b.Status.DisruptedPods[pod.Name] = metav1.NewTime(now.Add(-time.Duration(rapid.IntRange(0, 200).Draw(r, "ago")) * time.Second))
			}
		}
		expected := int32(rapid.IntRange(0, 12).Draw(r, "expected"))
		first, err := plan(b, pods, expected, now)
		if err != nil {
			r.Fatal(err)
		}
		s := first.status
		if s.DisruptionsAllowed > 0 && s.CurrentHealthy-s.DisruptionsAllowed < s.DesiredHealthy {
			r.Fatalf("%d of %d healthy may go, %d are needed", s.DisruptionsAllowed, s.CurrentHealthy, s.DesiredHealthy)
		}
		b.Status = s
		second, err := plan(b, pods, expected, now)
		if err != nil || second.status.DisruptionsAllowed != s.DisruptionsAllowed || len(second.status.DisruptedPods) != len(s.DisruptedPods) {
			r.Fatalf("then %+v, %v; before %+v", second.status, err, s)
		}
	})
}

func TestStaleIn(t *testing.T) {
	said := func(change func(*corev1.Pod)) *corev1.Pod {
		pod := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", LastTransitionTime: metav1.NewTime(now.Add(-time.Minute)),
		}}}}
		if change != nil {
			change(pod)
		}
		return pod
	}
	if wait, ok := staleIn(said(nil), now); !ok || wait != time.Minute {
		t.Errorf("holds for %s (%t), want a minute", wait, ok)
	}
	for name, pod := range map[string]*corev1.Pod{
		"says nothing":       {},
		"taken back":         said(func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }),
		"the kubelet's word": said(func(p *corev1.Pod) { p.Status.Conditions[0].Reason = "TerminationByKubelet" }),
		"going":              said(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: now} }),
		"ended":              said(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
	} {
		if _, ok := staleIn(pod, now); ok {
			t.Errorf("%s: counts as stale", name)
		}
	}
}
