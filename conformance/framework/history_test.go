package framework

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"pgregory.net/rapid"
)

func named(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
}

// TestHistoryFollowsEvents compares each state with a plain map that the same events are applied to.
func TestHistoryFollowsEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory[*corev1.Pod](nil)
		model := map[string]bool{}
		for i := range rapid.IntRange(0, 20).Draw(t, "events") {
			name := rapid.StringMatching("[a-d]").Draw(t, "name")
			kind := watch.Modified
			switch {
			case !model[name]:
				kind = watch.Added
			case rapid.Bool().Draw(t, "delete"):
				kind = watch.Deleted
			}
			model[name] = kind != watch.Deleted
			h.apply(kind, named(name))
			steps, _, _ := h.from(i + 1)
			if len(steps) != 1 {
				t.Fatalf("event %d led to %d steps, want one", i, len(steps))
			}
			want := 0
			for _, there := range model {
				if there {
					want++
				}
			}
			for _, pod := range steps[0].state {
				if !model[pod.Name] {
					t.Fatalf("after %s %s the state has %s", kind, name, pod.Name)
				}
			}
			if len(steps[0].state) != want {
				t.Fatalf("after %s %s the state has %d objects, want %d", kind, name, len(steps[0].state), want)
			}
		}
	})
}

// TestFindMissesNoState lets a reader wait for a state that lasts for one event only.
func TestFindMissesNoState(t *testing.T) {
	h := newHistory[*corev1.Pod](nil)
	go func() {
		for i := range 200 {
			h.apply(watch.Added, named(fmt.Sprint(i)))
			h.apply(watch.Deleted, named(fmt.Sprint(i)))
		}
	}()
	for i, at := 0, 0; i < 200; i++ {
		found, err := h.find(t.Context(), at, func(pods []*corev1.Pod) bool { return len(pods) == 1 && pods[0].Name == fmt.Sprint(i) })
		if err != nil {
			t.Fatal(err)
		}
		if want := 2*i + 1; found != want {
			t.Fatalf("pod %d was found at step %d, want %d", i, found, want)
		}
		at = found
	}
}

func TestFindEnds(t *testing.T) {
	never := func([]*corev1.Pod) bool { return false }
	h := newHistory([]*corev1.Pod{named("a")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.find(ctx, 0, never); !errors.Is(err, context.Canceled) {
		t.Errorf("with its context ended it gives %v", err)
	}
	broken := errors.New("the watch broke")
	h.end(broken)
	if _, err := h.find(t.Context(), 0, never); !errors.Is(err, broken) {
		t.Errorf("with its watch broken it gives %v", err)
	}
	if found, err := h.find(t.Context(), 0, func(pods []*corev1.Pod) bool { return len(pods) == 1 }); err != nil || found != 0 {
		t.Errorf("what was seen before the watch broke is found at %d, %v", found, err)
	}
}

func TestTakesPods(t *testing.T) {
	ready := []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	for name, c := range map[string]struct {
		node corev1.Node
		want bool
	}{
		"ready":        {corev1.Node{Status: corev1.NodeStatus{Conditions: ready}}, true},
		"no condition": {corev1.Node{}, false},
		"not ready":    {corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}}}, false},
		"cordoned":     {corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true}, Status: corev1.NodeStatus{Conditions: ready}}, false},
		"tainted":      {corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Effect: corev1.TaintEffectNoSchedule}}}, Status: corev1.NodeStatus{Conditions: ready}}, false},
		"disliked":     {corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Effect: corev1.TaintEffectPreferNoSchedule}}}, Status: corev1.NodeStatus{Conditions: ready}}, true},
	} {
		if got := takesPods(c.node); got != c.want {
			t.Errorf("a node that is %s takes pods: %t, want %t", name, got, c.want)
		}
	}
}

func TestImage(t *testing.T) {
	defer Use(Settings{})
	for from, want := range map[string]string{"": "etalon.dev/tool:v1", "localhost:5000": "localhost:5000/tool:v1", "example.com/mirror/": "example.com/mirror/tool:v1"} {
		Use(Settings{Images: from})
		if got := Image("tool"); got != want {
			t.Errorf("the tool from %q is %s, want %s", from, got, want)
		}
	}
}
