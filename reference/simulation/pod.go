package simulation

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// pod is what is kept of a pod: a few hundred bytes.
type pod struct {
	slot
	subject
	node     *node
	shared   *shared
	behavior Behavior
	stop     time.Time
	grace    time.Duration
	// host is the pod's address in its node's range; 0 if it has none.
	host int
	// holds is true while the pod takes up a place on its node.
	holds bool
	// seen is the status as the API server has it, version that of the object.
	seen    shape
	version uint64
	// ended is true when the API server says that the pod is over, whoever ended it.
	ended bool
	// rejected is why the node does not take the pod on.
	rejected string
	// removed is true once the pod's end has been told to the API server, dropped once it has none of it any more.
	removed, dropped bool
	tries            int
}

func (p *pod) life(o *Options) *life {
	return &life{seed: o.Seed, uid: string(p.uid), spec: p.spec, behavior: &p.behavior, origin: p.origin, stop: p.stop, grace: p.grace}
}

// wanted is the pod's stage now and the shape that its status should have.
func (p *pod) wanted(o *Options, now time.Time) (stage, shape) {
	s := p.life(o).at(now)
	if p.rejected != "" || p.ended {
		return stage{phase: corev1.PodFailed}, p.seen
	}
	return s, s.shape(p.gates.open, p.generation)
}

// due is when there is something to do for the pod; zero for never.
func (p *pod) due(o *Options, now time.Time) time.Time {
	switch s, want := p.wanted(o, now); {
	case p.rejected != "" && !p.ended, want != p.seen:
		return now
	default:
		return earliest(s.next, p.leaves(s))
	}
}

// forced is how long a pod stays that is deleted without grace: the API server takes it out itself, a moment after it
// has said so. Only if it was stopped in between does anybody have to ask again.
const forced = 5 * time.Second

// leaves is when the pod is to be taken out of the API server, if it is over and being deleted; zero for never.
func (p *pod) leaves(s stage) time.Time {
	switch {
	case p.stop.IsZero() || p.removed || !p.ended && !s.over():
		return time.Time{}
	case p.grace == 0:
		return p.stop.Add(forced)
	}
	return p.stop
}

// read is what decides of a pod's spec. The key tells two that differ apart.
func read(p *corev1.Pod) (s *spec, key string) {
	s = &spec{restart: p.Spec.RestartPolicy, hostNetwork: p.Spec.HostNetwork}
	if d := p.Spec.ActiveDeadlineSeconds; d != nil {
		s.deadline = time.Duration(*d) * time.Second
	}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		s.init = append(s.init, container{c.Name, c.Image, sidecar})
	}
	for i := range p.Spec.Containers {
		s.main = append(s.main, container{p.Spec.Containers[i].Name, p.Spec.Containers[i].Image, false})
	}
	for _, gate := range p.Spec.ReadinessGates {
		s.gates = append(s.gates, gate.ConditionType)
	}
	return s, fmt.Sprintf("%v", *s)
}

// gatesOf says whether a pod's readiness gates are open.
func gatesOf(p *corev1.Pod, now time.Time) gates {
	var closed []string
	var since time.Time
	for _, gate := range p.Spec.ReadinessGates {
		i := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == gate.ConditionType })
		if i < 0 {
			closed = append(closed, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
			continue
		}
		c := &p.Status.Conditions[i]
		since = latest(since, c.LastTransitionTime.Time)
		if c.Status != corev1.ConditionTrue {
			closed = append(closed, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", gate.ConditionType, c.Status))
		}
	}
	if len(closed) > 0 && since.IsZero() {
		since = now
	}
	return gates{open: len(closed) == 0, message: strings.Join(closed, ", "), since: since}
}

// deletion is when a pod's deletion was asked for and how long it may take; zero if it was not. The API's
// time has no fractions of a second, and would put it before what happened just then: as long as that second
// lasts, it is now.
func deletion(p *corev1.Pod, now time.Time) (asked time.Time, grace time.Duration) {
	if p.DeletionTimestamp == nil {
		return time.Time{}, 0
	}
	if p.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*p.DeletionGracePeriodSeconds) * time.Second
	}
	asked = p.DeletionTimestamp.Add(-grace)
	if end := asked.Add(time.Second); now.After(end) {
		return end, grace
	}
	return latest(asked, now), grace
}

// hostOf is the place in the range of an address in it; not ok for one outside.
func hostOf(r netip.Prefix, address string) (int, bool) {
	a, err := netip.ParseAddr(address)
	if err != nil || !r.Contains(a) {
		return 0, false
	}
	b := a.As4()
	return int(b[3]), true
}

func versionOf(p *corev1.Pod) uint64 {
	v, err := strconv.ParseUint(p.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return v
}
