package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var (
	noon     = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	defaults = func() Options { o := Options{}; _ = o.Complete(); return o }()
)

// onePod is Running and Ready for an hour, and requests 1000m CPU.
func onePod(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	started := metav1.NewTime(noon.Add(-time.Hour))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &started,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: started}}},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func started(ago time.Duration) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.StartTime = ptr.To(metav1.NewTime(noon.Add(-ago))) }
}

func readiness(status corev1.ConditionStatus, since time.Duration) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.Conditions[0].Status = status
		pod.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon.Add(-since))
	}
}

func phase(p corev1.PodPhase) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.Phase = p }
}

func TestGroup(t *testing.T) {
	for name, c := range map[string]struct {
		pod      *corev1.Pod
		resource corev1.ResourceName
		sampled  time.Duration // before noon, over one minute; none if zero
		want     string
	}{
		"ready for long":                                 {onePod("p"), "cpu", time.Second, "measured"},
		"not measured":                                   {onePod("p"), "cpu", 0, "missing"},
		"being deleted":                                  {onePod("p", func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) }), "cpu", time.Second, ""},
		"failed":                                         {onePod("p", phase(corev1.PodFailed)), "cpu", time.Second, ""},
		"pending, though measured":                       {onePod("p", phase(corev1.PodPending)), "memory", time.Second, "unready"},
		"pending and not measured":                       {onePod("p", phase(corev1.PodPending)), "cpu", 0, "unready"},
		"no condition yet":                               {onePod("p", func(p *corev1.Pod) { p.Status.Conditions = nil }), "cpu", time.Second, "unready"},
		"not started yet":                                {onePod("p", func(p *corev1.Pod) { p.Status.StartTime = nil }), "cpu", time.Second, "unready"},
		"young and unready":                              {onePod("p", started(time.Minute), readiness("False", time.Minute)), "cpu", time.Second, "unready"},
		"young, measured before it was ready":            {onePod("p", started(4*time.Minute), readiness("True", 30*time.Second)), "cpu", time.Second, "unready"},
		"young, measured only while ready":               {onePod("p", started(4*time.Minute), readiness("True", 2*time.Minute)), "cpu", time.Second, "measured"},
		"old, was ready once":                            {onePod("p", readiness("False", time.Minute)), "cpu", time.Second, "measured"},
		"old, never was ready":                           {onePod("p", started(time.Hour), readiness("False", time.Hour-10*time.Second)), "cpu", time.Second, "unready"},
		"old, unready since just after the delay":        {onePod("p", started(time.Hour), readiness("False", time.Hour-31*time.Second)), "cpu", time.Second, "measured"},
		"memory does not care whether the pod is ready":  {onePod("p", started(time.Minute), readiness("False", time.Minute)), "memory", time.Second, "measured"},
		"nor does a custom metric":                       {onePod("p", started(time.Minute), readiness("False", time.Minute)), "", time.Second, "measured"},
		"it became ready after it had been measured old": {onePod("p", readiness("True", time.Second)), "cpu", time.Minute, "measured"},
	} {
		samples := map[string]sample{}
		if c.sampled != 0 {
			samples["p"] = sample{value: 7, at: noon.Add(-c.sampled), window: time.Minute}
		}
		g := group([]*corev1.Pod{c.pod}, samples, c.resource, defaults, noon)
		got := ""
		switch {
		case g.measured["p"] == 7:
			got = "measured"
		case slices.Contains(g.missing, "p"):
			got = "missing"
		case slices.Contains(g.unready, "p"):
			got = "unready"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func values(all ...int64) map[string]int64 {
	m := map[string]int64{}
	for i, v := range all {
		m[fmt.Sprint("p", i)] = v
	}
	return m
}

func requests(each int64, pods int) map[string]int64 {
	m := map[string]int64{}
	for i := range pods {
		m[fmt.Sprint("p", i)] = each
	}
	return m
}

func TestPerPodReplicas(t *testing.T) {
	half := utilizationTarget(50, requests(1000, 10))
	for name, c := range map[string]struct {
		current int32
		groups  groups
		target  perPodTarget
		want    int32
	}{
		"over":             {3, groups{measured: values(600, 600, 900)}, half, 5},
		"under":            {3, groups{measured: values(100, 200, 300)}, half, 2},
		"in the tolerance": {3, groups{measured: values(500, 520, 540)}, half, 3},
		"a plain value":    {3, groups{measured: values(200, 200, 200)}, plainTarget(100), 6},
		"missing pods count nothing on the way up": {3, groups{measured: values(1000, 1000), missing: []string{"p2"}}, half, 4},
		"which may end it":                         {3, groups{measured: values(700, 700), missing: []string{"p2"}}, half, 3},
		"missing pods use all on the way down":     {4, groups{measured: values(100, 100), missing: []string{"p2"}}, half, 3},
		"which may end it too":                     {3, groups{measured: values(300), missing: []string{"p1", "p2"}}, half, 3},
		"of a plain value they use the target":     {4, groups{measured: values(10, 10, 10), missing: []string{"p3"}}, plainTarget(100), 2},
		"more than all, where that is the target":  {2, groups{measured: values(500), missing: []string{"p1"}}, utilizationTarget(200, requests(1000, 2)), 2},
		"unready pods count nothing on the way up": {3, groups{measured: values(1000, 1000), unready: []string{"p2"}}, half, 4},
		"and are not there on the way down":        {3, groups{measured: values(100, 100), unready: []string{"p2"}}, half, 1},
		"at the target exactly, one missing":       {3, groups{measured: values(500, 500), missing: []string{"p2"}}, half, 3},
		"surplus pods do not turn it around":       {5, groups{measured: values(440, 440, 440, 440, 440, 440)}, half, 5},
		"nor do pods that are not there yet":       {9, groups{measured: values(600, 600)}, half, 9},
	} {
		got, err := perPodReplicas(c.current, c.groups, c.target, tenth)
		if err != nil || got != c.want {
			t.Errorf("%s: %d, error %v; want %d", name, got, err, c.want)
		}
	}
	if _, err := perPodReplicas(1, groups{measured: map[string]int64{"other": 1}}, half, tenth); !errors.Is(err, errNoRequest) {
		t.Errorf("only unknown pods are measured: error %v", err)
	}
}

func TestUtilizationOfLargePodsDoesNotOverflow(t *testing.T) {
	// Each pod uses 3 of 4 TiB of memory, in thousandths of a byte.
	used, asked := map[string]int64{}, map[string]int64{}
	for i := range 200 {
		used[fmt.Sprint(i)], asked[fmt.Sprint(i)] = 3<<40*1000, 4<<40*1000
	}
	if got, err := utilization(used, asked); err != nil || got != 75 {
		t.Errorf("%d %%, error %v; want 75", got, err)
	}
	if got := mean(used); got != 3<<40*1000 {
		t.Errorf("mean %d", got)
	}
}

func TestRequestsOf(t *testing.T) {
	cpu := func(q string) corev1.ResourceRequirements {
		return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(q)}}
	}
	pod := onePod("p")
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "side", Resources: cpu("200m")})
	pod.Spec.InitContainers = []corev1.Container{
		{Name: "init", Resources: cpu("5")},
		{Name: "sidecar", Resources: cpu("50m"), RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)},
	}
	pods := []*corev1.Pod{pod}
	if got, err := requestsOf(pods, "cpu", ""); err != nil || got["p"] != 1250 {
		t.Errorf("whole pod: %v, error %v; want 1250", got, err)
	}
	if got, err := requestsOf(pods, "cpu", "side"); err != nil || got["p"] != 200 {
		t.Errorf("one container: %v, error %v; want 200", got, err)
	}
	if _, err := requestsOf(pods, "memory", ""); err == nil || err.Error() != "missing request for memory in container c of Pod p" {
		t.Errorf("no request: error %v", err)
	}
	pod.Spec.Resources = ptr.To(cpu("3"))
	if got, err := requestsOf(pods, "cpu", ""); err != nil || got["p"] != 3000 {
		t.Errorf("of the pod itself: %v, error %v; want 3000", got, err)
	}
	if got := having("side", []*corev1.Pod{pod, onePod("q")}); len(got) != 1 || got[0] != pod {
		t.Errorf("having the container: %v", got)
	}
}

// Whatever is missing or unready, a metric over the target never leads to fewer replicas nor one under it to more;
// and of those that are measured, more use never asks for less.
func TestPerPodReplicasNeverTurnAround(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		current := rapid.Int32Range(1, 50).Draw(t, "current")
		target := plainTarget(rapid.Int64Range(1, 1000).Draw(t, "target"))
		g := groups{measured: values(rapid.SliceOfN(rapid.Int64Range(0, 3000), 1, 20).Draw(t, "measured")...)}
		for i := range rapid.IntRange(0, 5).Draw(t, "missing") {
			g.missing = append(g.missing, fmt.Sprint("missing", i))
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "unready") {
			g.unready = append(g.unready, fmt.Sprint("unready", i))
		}
		ratio, err := target.ratio(g.measured)
		if err != nil {
			t.Fatal(err)
		}
		got, err := perPodReplicas(current, g, target, tenth)
		if err != nil {
			t.Fatal(err)
		}
		if ratio >= 1 && got < current || ratio <= 1 && got > current || tenth.allow(ratio) && got != current {
			t.Fatalf("ratio %.3f: from %d to %d", ratio, current, got)
		}
		more := groups{measured: maps.Clone(g.measured), missing: g.missing, unready: g.unready}
		for pod := range more.measured {
			more.measured[pod] += rapid.Int64Range(0, 1000).Draw(t, "more of "+pod)
		}
		if higher, _ := perPodReplicas(current, more, target, tenth); higher < got {
			t.Fatalf("%d for %v, but %d for %v", got, g.measured, higher, more.measured)
		}
	})
}

func TestReadyCount(t *testing.T) {
	pods := []*corev1.Pod{onePod("a"), onePod("b", readiness("False", 0)), onePod("c", phase(corev1.PodPending)),
		onePod("going", func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) })}
	if got, err := readyCount(pods); err != nil || got != 2 {
		t.Errorf("%d, error %v; want 2", got, err)
	}
	if _, err := readyCount(nil); err == nil || !strings.Contains(err.Error(), "no pods returned by selector") {
		t.Errorf("no pods: error %v", err)
	}
}
