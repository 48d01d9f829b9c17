package job

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func TestDelay(t *testing.T) {
	for count, want := range []time.Duration{0, 10, 20, 40, 80, 160, 320, 360, 360} {
		if got := delay(count); got != want*time.Second {
			t.Errorf("after %d failures %s, want %ds", count, got, want)
		}
	}
	if got := delay(1 << 30); got != 6*time.Minute {
		t.Errorf("after very many %s", got)
	}
}

func TestEndedAt(t *testing.T) {
	minute := func(m int) metav1.Time { return metav1.NewTime(now.Add(time.Duration(m) * time.Minute)) }
	container := func(at *metav1.Time) corev1.ContainerStatus {
		if at == nil {
			return corev1.ContainerStatus{}
		}
		return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: *at}}}
	}
	containers := func(list ...corev1.ContainerStatus) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.ContainerStatuses = list }
	}
	unready := func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: minute(4)}}
	}
	deleted := func(p *corev1.Pod) {
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = ptr.To(minute(7)), ptr.To[int64](60)
	}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want metav1.Time
	}{
		"the last container":       {aPod("p", containers(container(ptr.To(minute(1))), container(ptr.To(minute(2)))), unready), minute(2)},
		"no longer ready":          {aPod("p", containers(container(ptr.To(minute(1))), container(nil)), unready, deleted), minute(4)},
		"told to go, before grace": {aPod("p", deleted), minute(6)},
		"nothing known":            {aPod("p"), minute(-60)},
	} {
		if got := endedAt(c.pod); !got.Equal(c.want.Time) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The failures are those since the last success, however often and in whatever order the pods are seen.
func TestFailuresSinceTheLastSuccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pods []*corev1.Pod
		lastSuccess, lastFailure := time.Time{}, time.Time{}
		for i := range rapid.IntRange(0, 8).Draw(t, "pods") {
			ago := time.Duration(rapid.IntRange(0, 600).Draw(t, "ago")) * time.Second
			code := rapid.Int32Range(0, 1).Draw(t, "code")
			pods = append(pods, aPod(string(rune('a'+i)), ended(code, ago)))
			if code == 0 && now.Add(-ago).After(lastSuccess) {
				lastSuccess = now.Add(-ago)
			}
		}
		count := 0
		for _, pod := range pods {
			if pod.Status.Phase == corev1.PodFailed && endedAt(pod).After(lastSuccess) {
				count++
				if endedAt(pod).After(lastFailure) {
					lastFailure = endedAt(pod)
				}
			}
		}
		var past failures
		for range rapid.IntRange(1, 3).Draw(t, "looks") {
			some := rapid.SliceOf(rapid.IntRange(0, max(0, len(pods)-1))).Draw(t, "some")
			for _, i := range some {
				if i < len(pods) {
					past.observe(pods[i:i+1], func(p *corev1.Pod) bool { return hasFailed(newJob(1, 1), p) })
				}
			}
		}
		past.observe(pods, func(p *corev1.Pod) bool { return hasFailed(newJob(1, 1), p) })
		want := time.Duration(0)
		if count > 0 {
			want = max(0, delay(count)-now.Sub(lastFailure))
		}
		if got := past.wait(now); got != want {
			t.Fatalf("waits %s, want %s after %d failures, the last at %s", got, want, count, lastFailure)
		}
	})
}

func TestFailuresRememberWhatIsGone(t *testing.T) {
	var past failures
	job := newJob(1, 1)
	observe := func(pods ...*corev1.Pod) {
		past.observe(pods, func(p *corev1.Pod) bool { return hasFailed(job, p) })
	}
	observe(aPod("a", ended(1, 0)))
	observe(aPod("b", ended(1, 0)))
	if got := past.wait(now); got != 20*time.Second {
		t.Errorf("waits %s after two failures", got)
	}
	past.at[types.UID("c")] = now.Add(time.Hour) // a node's clock is ahead
	if got := past.wait(now); got != 40*time.Second {
		t.Errorf("waits %s after a failure in the future", got)
	}
}

func TestWhoSetsTheNextPodBack(t *testing.T) {
	v := &view{job: newJob(1, 1)}
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"running":                         {aPod("a"), false},
		"succeeded":                       {aPod("a", succeeded), false},
		"failed":                          {aPod("a", failed), true},
		"failed and counted":              {aPod("a", failed, isStripped), true},
		"told to go by somebody":          {aPod("a", told), true},
		"let go, and not gone yet":        {aPod("a", isStripped, told), false},
		"let go, and failed on that":      {aPod("a", isStripped, told, failed), false},
		"about to be let go, still there": {aPod("a", isStripped), false},
	} {
		if got := v.setsBack(test.pod); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}
