package nodelifecycle_test

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
	"github.com/etalon-dev/etalon/reference/controllers/nodeipam"
	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
	"github.com/etalon-dev/etalon/reference/controllers/nodettl"
	"github.com/etalon-dev/etalon/reference/controllers/podgc"
	"github.com/etalon-dev/etalon/reference/controllers/tainteviction"
)

func evicts(t corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoExecute && (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable)
}

func evicted(node *corev1.Node) bool {
	return node != nil && slices.ContainsFunc(node.Spec.Taints, evicts)
}

// check looks at a write in the order in which the API server made them.
func (f *fleet) check(w *sim.World, write sim.Write) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.w = w
	if write.Needless && write.Actor != sim.User && w.Unanswered(write.Actor) == 0 {
		return fmt.Errorf("a needless write of %s %s by %s", write.Kind, write.Key, write.Actor)
	}
	switch write.Kind {
	case "Node":
		before, _ := write.Before.(*corev1.Node)
		after, _ := write.After.(*corev1.Node)
		defer f.remember(before, after)
		return f.checkNode(w, write, before, after)
	case "Pod":
		if write.Before != nil && write.Verb == "delete" {
			return f.checkDeletion(w, write.Actor, write.Before.(*corev1.Pod), write.After == nil)
		}
	}
	return nil
}

func (f *fleet) checkNode(w *sim.World, write sim.Write, before, after *corev1.Node) error {
	if after == nil {
		f.gone[write.Key.Name] = write.At
		return nil
	}
	if before == nil {
		f.heard[after.UID] = write.At
		return nil
	}
	switch write.Actor {
	case nodelifecycle.Name:
		if readiness(before) != corev1.ConditionUnknown && readiness(after) == corev1.ConditionUnknown || len(before.Status.Conditions) == 0 && len(after.Status.Conditions) > 0 {
			if silence := write.At.Sub(f.heard[after.UID]); silence < grace-late {
				return fmt.Errorf("node %s is given up after %s of silence", after.Name, silence)
			}
		}
		if evicted(before) || !evicted(after) {
			return nil
		}
		zone := zones[after.Name]
		last := f.turns[zone]
		f.turns[zone] = write.At
		if gap := write.At.Sub(last); !last.IsZero() && last.After(f.began) && gap < 10*time.Second-50*time.Millisecond {
			return fmt.Errorf("node %s is evicted %s after another one of zone %s", after.Name, gap, zone)
		}
		for _, what := range []string{"", zone} {
			if since, is := f.down[what]; is && write.At.Sub(since) > late {
				return fmt.Errorf("node %s is evicted although too much of %q has been down for %s", after.Name, what, write.At.Sub(since))
			}
		}
	case nodeipam.Name:
		if len(before.Spec.PodCIDRs) > 0 && !slices.Equal(before.Spec.PodCIDRs, after.Spec.PodCIDRs) {
			return fmt.Errorf("node %s had %v and gets %v", after.Name, before.Spec.PodCIDRs, after.Spec.PodCIDRs)
		}
		own := netip.MustParsePrefix(after.Spec.PodCIDR)
		for _, other := range sim.List[*corev1.Node](w) {
			if other.Name != after.Name && other.Spec.PodCIDR != "" && netip.MustParsePrefix(other.Spec.PodCIDR).Overlaps(own) {
				return fmt.Errorf("nodes %s and %s both have %s", after.Name, other.Name, own)
			}
		}
	case nodettl.Name:
	default:
		if write.Actor != sim.User {
			return fmt.Errorf("%s writes node %s", write.Actor, after.Name)
		}
	}
	return nil
}

// remember notes what is so after a write of a node.
func (f *fleet) remember(before, after *corev1.Node) {
	now := time.Now()
	name := ""
	if before != nil {
		name = before.Name
	} else if after != nil {
		name = after.Name
	}
	var has []corev1.Taint
	if after != nil {
		has = slices.DeleteFunc(slices.Clone(after.Spec.Taints), func(t corev1.Taint) bool { return !evicts(t) })
	}
	for _, s := range f.taints[name] {
		if s.removed.IsZero() && !slices.ContainsFunc(has, func(t corev1.Taint) bool { return t.Key == s.taint.Key && t.TimeAdded.Equal(s.taint.TimeAdded) }) {
			s.removed = now
		}
	}
	for _, t := range has {
		if !slices.ContainsFunc(f.taints[name], func(s *spell) bool { return s.removed.IsZero() && t.Key == s.taint.Key }) {
			f.taints[name] = append(f.taints[name], &spell{taint: t})
		}
	}
	f.survey(now)
}

// survey notes which zones are partly down, and whether all are wholly.
func (f *fleet) survey(now time.Time) {
	all, sick := map[string]int{}, map[string]int{}
	total, lost := 0, 0
	for _, node := range sim.List[*corev1.Node](f.w) {
		all[zones[node.Name]]++
		total++
		if readiness(node) != corev1.ConditionTrue {
			sick[zones[node.Name]]++
			lost++
		}
	}
	note := func(what string, is bool) {
		if _, was := f.down[what]; is && !was {
			f.down[what] = now
		} else if !is {
			delete(f.down, what)
		}
	}
	note("", total == lost)
	for _, zone := range []string{"a", "b"} {
		note(zone, sick[zone] < all[zone] && sick[zone] > 2 && float64(sick[zone]) >= 0.55*float64(all[zone]))
	}
}

// checkDeletion demands a reason for the deletion of a pod.
func (f *fleet) checkDeletion(w *sim.World, actor string, pod *corev1.Pod, gone bool) error {
	node, there := sim.Get[*corev1.Node](w, pod.Spec.NodeName)
	now := time.Now()
	switch actor {
	case tainteviction.Name:
		for _, s := range f.taints[pod.Spec.NodeName] {
			tolerates, seconds := tolerance(pod, s.taint)
			// Times in objects are in seconds.
			start := s.taint.TimeAdded.Time
			if pod.CreationTimestamp.After(start) {
				start = pod.CreationTimestamp.Time
			}
			over := !tolerates || seconds >= 0 && !now.Before(start.Add(time.Duration(seconds)*time.Second))
			if over && (s.removed.IsZero() || now.Sub(s.removed) < late) {
				return nil
			}
		}
		return fmt.Errorf("pod %s is evicted from node %s (%t) before its time", pod.Name, pod.Spec.NodeName, there)
	case podgc.Name:
		switch {
		case pod.Spec.NodeName == "" && pod.DeletionTimestamp != nil:
		case pod.Spec.NodeName != "" && !there:
		case pod.Spec.NodeName != "" && now.Sub(f.gone[pod.Spec.NodeName]) < time.Second:
		default:
			return fmt.Errorf("pod %s is removed although node %s is there (%v)", pod.Name, pod.Spec.NodeName, node)
		}
	case sim.User:
	default:
		return fmt.Errorf("%s deletes pod %s (gone: %t)", actor, pod.Name, gone)
	}
	return nil
}

// tolerance says whether the pod tolerates the taint, and for how long; for ever if
// negative.
func tolerance(pod *corev1.Pod, taint corev1.Taint) (tolerates bool, seconds int64) {
	for _, t := range pod.Spec.Tolerations {
		if t.Key == taint.Key && t.Effect == taint.Effect {
			if t.TolerationSeconds == nil {
				return true, -1
			}
			return true, *t.TolerationSeconds
		}
	}
	return false, 0
}

// settled says what of the nodes is not as it should be at rest.
func (f *fleet) settled(w *sim.World) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	nodes := sim.List[*corev1.Node](w)
	withRange := 0
	for _, node := range nodes {
		want := corev1.ConditionTrue
		if f.sick[node.Name] {
			want = corev1.ConditionFalse
		}
		if readiness(node) != want {
			return fmt.Errorf("node %s is ready: %s", node.Name, readiness(node))
		}
		if got := node.Annotations[corev1.ObjectTTLAnnotationKey]; got != "0" {
			return fmt.Errorf("node %s has the TTL %q", node.Name, got)
		}
		if node.Spec.PodCIDR != "" {
			withRange++
		}
		notReady := func(effect corev1.TaintEffect) bool {
			return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeNotReady && t.Effect == effect })
		}
		_, partly := f.down[zones[node.Name]]
		_, wholly := f.down[""]
		sick := f.sick[node.Name]
		switch evicting := notReady(corev1.TaintEffectNoExecute); {
		case notReady(corev1.TaintEffectNoSchedule) != sick,
			slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeUnreachable }),
			evicting && (!sick || wholly),
			!evicting && sick && !wholly && !partly:
			return fmt.Errorf("node %s is not ready: %t, its zone is down in part: %t, all: %t; its taints are %v", node.Name, sick, partly, wholly, node.Spec.Taints)
		case !evicting:
			continue
		}
		for _, pod := range sim.List[*corev1.Pod](w) {
			if pod.Spec.NodeName != node.Name {
				continue
			}
			if _, seconds := tolerance(pod, corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute}); seconds >= 0 {
				return fmt.Errorf("pod %s is still on the evicted node %s", pod.Name, node.Name)
			}
		}
	}
	if want := min(len(nodes), ranges); withRange != want {
		return fmt.Errorf("%d nodes of %d have a range of their own, want %d", withRange, len(nodes), want)
	}
	for _, pod := range sim.List[*corev1.Pod](w) {
		if _, there := sim.Get[*corev1.Node](w, pod.Spec.NodeName); !there && (pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil) {
			return fmt.Errorf("pod %s of node %q is still there", pod.Name, pod.Spec.NodeName)
		}
	}
	return f.wrong
}
