package daemonset

import corev1 "k8s.io/api/core/v1"

// roll replaces pods of old templates as far as the strategy's bounds allow. It
// counts on every node having the pods it should, see place.
func roll(v *view) decision {
	maxUnavailable, maxSurge, ok := v.rolling()
	switch {
	case !ok:
		return decision{}
	case maxSurge == 0:
		return rollDown(v, maxUnavailable)
	}
	return rollUp(v, maxSurge)
}

// split returns the node's new and old pod, leaving out those on their way out;
// ok is false if there is more than one of either, which place puts right.
func (v *view) split(s site) (newPod, oldPod *corev1.Pod, ok bool) {
	for _, pod := range s.pods {
		if pod.DeletionTimestamp != nil {
			continue
		}
		slot := &oldPod
		if v.current(pod) {
			slot = &newPod
		}
		if *slot != nil {
			return nil, nil, false
		}
		*slot = pod
	}
	return newPod, oldPod, true
}

// rollDown removes old pods, whose nodes then get new ones: all that are not
// available, since nothing is lost with them, and as many of the others as
// leaves no more than maxUnavailable nodes without an available pod.
func rollDown(v *view, maxUnavailable int) decision {
	var d decision
	var candidates []removal
	unavailable := 0
	for _, s := range v.sites {
		if s.gone || len(s.pods) == 0 && !s.run {
			continue
		}
		newPod, oldPod, ok := v.split(s)
		switch {
		case !ok, (newPod == nil) == (oldPod == nil):
			unavailable++ // its pod is going or coming
		case newPod != nil:
			if !v.available(newPod) {
				unavailable++
			}
		case !v.available(oldPod):
			d.drop(s, oldPod)
			unavailable++
		default:
			candidates = append(candidates, removal{pod: oldPod, node: s.node})
		}
	}
	room := min(max(0, maxUnavailable-unavailable), len(candidates))
	d.remove = append(d.remove, candidates[:room]...)
	return d
}

// rollUp makes new pods beside old ones: wherever the old one is not available,
// and on as many other nodes as leaves no more than maxSurge of them with an
// available old pod and a new one that is not available yet. The old pod goes
// when the new one is available.
func rollUp(v *view, maxSurge int) decision {
	var d decision
	var candidates []string
	var sunset []removal // available, on nodes that should not get a pod any more
	surging, available := 0, 0
	for _, s := range v.sites {
		if s.gone {
			continue
		}
		newPod, oldPod, ok := v.split(s)
		if !ok {
			surging++
			continue
		}
		if pod := either(oldPod, newPod); pod != nil && v.available(pod) {
			available++
		}
		switch {
		case oldPod == nil:
		case newPod != nil:
			if v.available(newPod) {
				d.drop(s, oldPod)
			} else {
				surging++
			}
		case !s.run && !v.available(oldPod):
			d.drop(s, oldPod)
		case !s.run:
			sunset = append(sunset, removal{pod: oldPod, node: s.node})
		case !v.available(oldPod):
			d.create = append(d.create, s.node)
		default:
			candidates = append(candidates, s.node)
		}
	}
	// A set that surges is to lose no availability: an old pod whose node gets no
	// new one goes only once there are enough without it.
	spare := min(max(0, available-v.desired()), len(sunset))
	d.remove = append(d.remove, sunset[:spare]...)
	room := min(max(0, maxSurge-surging), len(candidates))
	d.create = append(d.create, candidates[:room]...)
	return d
}

func either(a, b *corev1.Pod) *corev1.Pod {
	if a != nil {
		return a
	}
	return b
}
