package sim

import (
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

var (
	pauses = []time.Duration{0, 0, time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute}
	// A cache may be late by any of these. Together they stay below the time after
	// which a controller gives up waiting for its own writes.
	holds = []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second, 30 * time.Second}
)

// drawScript draws what is going to happen. Half of it is the scenario's own.
func drawScript(t *rapid.T, s Scenario) []step {
	common := worldActions(s)
	longest := s.Longest
	if longest == 0 {
		longest = 25
	}
	one := rapid.Custom(func(t *rapid.T) step {
		from := common
		if len(s.Actions) > 0 && rapid.Bool().Draw(t, "own") {
			from = s.Actions
		}
		name := rapid.SampledFrom(sortedKeys(from)).Draw(t, "action")
		return step{name, from[name](t), rapid.SampledFrom(pauses).Draw(t, "then wait")}
	})
	return rapid.SliceOfN(one, 0, longest).Draw(t, "script")
}

// String is how a failed script is shown.
func (s step) String() string { return fmt.Sprintf("%s, then wait %s", s.name, s.then) }

// GoString is the same; rapid asks for it.
func (s step) GoString() string { return s.String() }

func worldActions(s Scenario) map[string]Action {
	actions := map[string]Action{
		"weather": func(t *rapid.T) Act {
			now := drawWeather(t)
			return func(w *World) { w.SetWeather(now) }
		},
		"wait": func(*rapid.T) Act { return func(*World) {} },
		"hold events": func(t *rapid.T) Act {
			n, d := pick(t), rapid.SampledFrom(holds).Draw(t, "for")
			return func(w *World) {
				if gates := w.Gates(); len(gates) > 0 {
					w.Hold(gates[n%len(gates)], d)
				}
			}
		},
		"break a watch": func(t *rapid.T) Act {
			n, expire := pick(t), rapid.Bool().Draw(t, "expire")
			return func(w *World) {
				if gates := w.Gates(); len(gates) > 0 {
					w.Break(gates[n%len(gates)], expire)
				}
			}
		},
		"crash": func(t *rapid.T) Act {
			name := rapid.SampledFrom(sortedKeys(s.Controllers)).Draw(t, "controller")
			return func(w *World) { w.Crash(name) }
		},
	}
	if s.nodes() > 0 {
		maps.Copy(actions, podActions(s))
	}
	return actions
}

func podActions(s Scenario) map[string]Action {
	onPod := func(do func(w *World, pod *corev1.Pod)) Action {
		return func(t *rapid.T) Act {
			n := pick(t)
			return func(w *World) {
				if pods := List[*corev1.Pod](w); len(pods) > 0 {
					do(w, pods[n%len(pods)])
				}
			}
		}
	}
	finished := func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	}
	return map[string]Action{
		"pod fails": onPod(func(w *World, pod *corev1.Pod) {
			if !finished(pod) {
				w.nodes.status(pod, func(s *corev1.PodStatus) {
					s.Phase = corev1.PodFailed
					SetReady(s, false)
				})
			}
		}),
		"pod is not ready": onPod(func(w *World, pod *corev1.Pod) {
			if !finished(pod) {
				w.nodes.status(pod, func(s *corev1.PodStatus) { SetReady(s, false) })
			}
		}),
		"pod is deleted": onPod(func(w *World, pod *corev1.Pod) {
			_, _ = w.store.remove(User, podResource, keyOf(pod), metav1.DeleteOptions{})
		}),
		"node lost": func(t *rapid.T) Act {
			node := fmt.Sprintf("node-%d", rapid.IntRange(0, s.nodes()-1).Draw(t, "node"))
			return func(w *World) { w.NodeLost(node) }
		},
		"node back": func(t *rapid.T) Act {
			node := fmt.Sprintf("node-%d", rapid.IntRange(0, s.nodes()-1).Draw(t, "node"))
			return func(w *World) { w.NodeBack(node) }
		},
	}
}

// pick draws a number by which one of so many things is chosen later.
func pick(t *rapid.T) int { return rapid.IntRange(0, 31).Draw(t, "which") }
