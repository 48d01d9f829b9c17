package horizontalpodautoscaler

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var tenth = tolerances{down: 0.1, up: 0.1}

func TestValueReplicas(t *testing.T) {
	for name, c := range map[string]struct {
		current, ready int32
		value, target  int64
		want           int32
	}{
		"twice the target: twice as many":           {4, 4, 200, 100, 8},
		"half the target: half as many":             {4, 4, 50, 100, 2},
		"a little over":                             {10, 10, 109, 100, 10},
		"just at the tolerance":                     {10, 10, 110, 100, 10},
		"beyond it, rounded up":                     {10, 10, 111, 100, 12},
		"a little under":                            {10, 10, 91, 100, 10},
		"rounded up on the way down":                {3, 3, 50, 100, 2},
		"nothing at all":                            {3, 3, 0, 100, 0},
		"only the ready pods have made of it so":    {4, 2, 300, 100, 6},
		"from zero, so many as there are targets":   {0, 0, 250, 100, 3},
		"zero stays, with nothing to do":            {0, 0, 0, 100, 0},
		"zero has no tolerance":                     {0, 0, 1, 100, 1},
		"more than can be counted is still counted": {1, 1, 1 << 62, 1, 1<<31 - 1},
	} {
		if got := valueReplicas(c.current, c.ready, c.value, c.target, tenth); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestAverageReplicas(t *testing.T) {
	for name, c := range map[string]struct {
		current       int32
		value, target int64
		want          int32
		average       int64
	}{
		"one for each share":           {2, 900, 100, 9, 450},
		"rounded up":                   {2, 901, 100, 10, 451},
		"in the tolerance":             {10, 1050, 100, 10, 105},
		"down to nothing":              {3, 0, 100, 0, 0},
		"from zero":                    {0, 250, 100, 3, 250},
		"zero of zero does not divide": {0, 0, 100, 0, 0},
	} {
		got, average := averageReplicas(c.current, c.value, c.target, tenth)
		if got != c.want || average != c.average {
			t.Errorf("%s: %d at %d each, want %d at %d", name, got, average, c.want, c.average)
		}
	}
}

func TestTolerancesOf(t *testing.T) {
	b := &autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleUp:   &autoscalingv2.HPAScalingRules{Tolerance: ptr.To(resource.MustParse("0"))},
		ScaleDown: &autoscalingv2.HPAScalingRules{Tolerance: ptr.To(resource.MustParse("0.05"))},
	}
	if got, want := tolerancesOf(b, 0.1), (tolerances{down: 0.05, up: 0}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := tolerancesOf(&autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: &autoscalingv2.HPAScalingRules{}}, 0.1); got != tenth {
		t.Errorf("nothing said: %+v, want %+v", got, tenth)
	}
}

// A higher value never asks for fewer replicas, and one in the tolerance asks for no change.
func TestValueReplicasAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		current := rapid.Int32Range(0, 1000).Draw(t, "current")
		target := rapid.Int64Range(1, 1e6).Draw(t, "target")
		low := rapid.Int64Range(0, 1e9).Draw(t, "low")
		high := rapid.Int64Range(low, 1e9).Draw(t, "high")
		tol := tolerances{rapid.Float64Range(0, 0.9).Draw(t, "down"), rapid.Float64Range(0, 3).Draw(t, "up")}
		if a, b := valueReplicas(current, current, low, target, tol), valueReplicas(current, current, high, target, tol); a > b {
			t.Fatalf("%d for %d, but %d for %d", a, low, b, high)
		}
		a, _ := averageReplicas(current, low, target, tol)
		b, _ := averageReplicas(current, high, target, tol)
		if a > b {
			t.Fatalf("average: %d for %d, but %d for %d", a, low, b, high)
		}
		if current > 0 && tol.allow(float64(low)/float64(target)) && valueReplicas(current, current, low, target, tol) != current {
			t.Fatal("a change in the tolerance")
		}
	})
}
