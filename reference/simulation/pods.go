package simulation

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// bound leaves out the pods that have no node yet.
var bound = fields.OneTermNotEqualSelector("spec.nodeName", "").String()

// watchPods follows the pods of all nodes by one watch, until ctx ends.
func (s *simulator) watchPods(ctx context.Context) {
	pods := s.podClient.CoreV1().Pods(corev1.NamespaceAll)
	follow(ctx, &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = bound
			return pods.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = bound
			return pods.Watch(ctx, o)
		},
	}, s.podClient, &corev1.Pod{}, &sink[*corev1.Pod]{
		seen: func(p *corev1.Pod) { s.podSeen(ctx, p) },
		gone: func(p *corev1.Pod) { s.forget(p.UID) },
		all:  s.forgetOthers,
		key:  func(p *corev1.Pod) string { return string(p.UID) },
		slim: func(p *corev1.Pod) {
			p.ManagedFields, p.Spec.Volumes = nil, nil
			for i := range p.Spec.Containers {
				p.Spec.Containers[i].Env, p.Spec.Containers[i].VolumeMounts = nil, nil
			}
		},
	})
}

// podSeen notes what the API server says of a pod, and plans what there is to do about it.
func (s *simulator) podSeen(ctx context.Context, o *corev1.Pod) {
	n := s.byName[o.Spec.NodeName]
	if n == nil || o.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	p, version := s.pods[o.UID], versionOf(o)
	switch {
	case p == nil:
		p = s.admit(ctx, n, o, now)
	case version <= p.version:
		return // older than what our own last write returned
	case o.Generation != p.generation:
		s.respec(p, o)
	}
	p.version, p.seen = version, shapeOf(&o.Status)
	p.ended = o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed
	if asked, grace := deletion(o, now); p.stop.IsZero() || grace != p.grace {
		p.stop, p.grace = asked, grace
	}
	p.gates = gatesOf(o, now)
	if p.ended {
		s.vacate(p)
	}
	if n.acts(now) {
		s.podWrites.plan(p, p.due(&s.o, now))
	}
}

// admit takes a pod on: gives it its place and its address, unless the node is full.
func (s *simulator) admit(ctx context.Context, n *node, o *corev1.Pod, now time.Time) *pod {
	p := &pod{node: n, subject: subject{namespace: o.Namespace, name: o.Name, uid: o.UID, origin: now, hostIP: s.o.address(n.number).String()}}
	if o.Status.StartTime != nil {
		p.origin = o.Status.StartTime.Time
	}
	for i := range o.Status.Conditions {
		p.scheduled = p.scheduled || o.Status.Conditions[i].Type == corev1.PodScheduled
	}
	behavior, err := s.o.behaviorOf(string(o.UID), o.Spec.RestartPolicy, o.Annotations)
	if err != nil {
		klog.FromContext(ctx).Info("A pod's annotations do not all make sense", "pod", klog.KObj(o), "err", err)
	}
	p.behavior = behavior
	s.respec(p, o)
	s.pods[p.uid] = p
	if o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed {
		return p
	}
	s.place(p, o)
	return p
}

// place gives a pod its place and its address on the node.
func (s *simulator) place(p *pod, o *corev1.Pod) {
	n := p.node
	most := int64(len(hosts{})*64 - 3)
	if limit, ok := s.o.Capacity[corev1.ResourcePods]; ok {
		most = min(most, limit.Value())
	}
	isNew := o.Status.PodIP == ""
	if isNew && int64(n.pods) >= most {
		p.rejected = fmt.Sprintf("Node didn't have enough resource: pods, requested: 1, used: %d, capacity: %d", n.pods, most)
		return
	}
	n.pods++
	p.holds = true
	if p.spec.hostNetwork {
		p.podIP = p.hostIP
		return
	}
	addresses := podRange(s.o.PodCIDR, n.number-1)
	if host, ok := hostOf(addresses, o.Status.PodIP); ok && n.hosts.keep(host) {
		p.host = host
	} else {
		p.host = n.hosts.take()
	}
	p.podIP = nth(addresses, p.host).String()
}

// vacate frees the place and the address of a pod that is over.
func (s *simulator) vacate(p *pod) {
	if p.holds {
		p.node.pods--
		p.holds = false
	}
	if p.host != 0 {
		p.node.hosts.release(p.host)
		p.host = 0
	}
}

// respec takes over what decides of a pod's spec, and shares it with the pods that have the same.
func (s *simulator) respec(p *pod, o *corev1.Pod) {
	s.unspec(p)
	read, key := read(o)
	e := s.specs[key]
	if e == nil {
		e = &shared{spec: read, key: key}
		s.specs[key] = e
	}
	e.users++
	p.shared, p.spec, p.generation = e, e.spec, o.Generation
}

func (s *simulator) unspec(p *pod) {
	if p.shared == nil {
		return
	}
	if p.shared.users--; p.shared.users == 0 {
		delete(s.specs, p.shared.key)
	}
	p.shared = nil
}

// forget drops a pod that the API server does not have any more.
func (s *simulator) forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pods[uid]
	if p == nil {
		return
	}
	s.vacate(p)
	s.unspec(p)
	p.dropped = true
	s.podWrites.plan(p, time.Time{})
	delete(s.pods, uid)
}

func (s *simulator) forgetOthers(there map[string]bool) {
	s.mu.Lock()
	var gone []types.UID
	for uid := range s.pods {
		if !there[string(uid)] {
			gone = append(gone, uid)
		}
	}
	s.mu.Unlock()
	for _, uid := range gone {
		s.forget(uid)
	}
}

// task is what there is to write for a pod.
type task struct {
	patch  []byte
	shape  shape
	remove bool
	next   time.Time
}

// write brings a pod's status to the API server, takes out a pod that is over and being deleted, and
// returns when there is more to do.
func (s *simulator) write(ctx context.Context, j job) time.Time {
	p := j.(*pod)
	t, err := s.task(p, time.Now())
	if err != nil {
		klog.FromContext(ctx).Error(err, "Cannot write a status", "pod", klog.KRef(p.namespace, p.name))
		return time.Time{}
	}
	within, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	pods := s.podClient.CoreV1().Pods(p.namespace)
	if t.patch != nil {
		sent, err := pods.Patch(within, p.name, types.StrategicMergePatchType, t.patch, metav1.PatchOptions{}, "status")
		if err != nil {
			return s.again(ctx, p, err)
		}
		s.written(p, t, sent)
	}
	if t.remove {
		err := pods.Delete(within, p.name, metav1.DeleteOptions{
			GracePeriodSeconds: ptr.To(int64(0)), Preconditions: &metav1.Preconditions{UID: &p.uid}})
		if err != nil {
			return s.again(ctx, p, err)
		}
		s.mu.Lock()
		p.removed = true
		s.mu.Unlock()
	}
	return t.next
}

func (s *simulator) task(p *pod, now time.Time) (t task, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.dropped || !p.node.acts(now) {
		return t, nil
	}
	stage, want := p.wanted(&s.o, now)
	t.next, t.shape = stage.next, want
	switch {
	case p.rejected != "" && !p.ended:
		t.patch, err = p.rejection("OutOfpods", p.rejected)
		t.shape.phase = corev1.PodFailed
	case want != p.seen:
		t.patch, err = p.statusFor(stage)
	}
	leaves := p.leaves(stage)
	t.remove = !leaves.IsZero() && !now.Before(leaves)
	if !t.remove {
		t.next = earliest(t.next, leaves)
	}
	return t, err
}

// written notes what the API server has now.
func (s *simulator) written(p *pod, t task, sent *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.tries, p.scheduled = 0, true
	if v := versionOf(sent); v >= p.version {
		p.version, p.seen = v, t.shape // else the watch was faster, and has seen what others wrote since
	}
	if t.shape.phase == corev1.PodSucceeded || t.shape.phase == corev1.PodFailed {
		p.ended = true
		s.vacate(p)
	}
	if asked, grace := deletion(sent, time.Now()); !asked.IsZero() && p.stop.IsZero() {
		// The watch will not tell: it is not newer than this.
		p.stop, p.grace = asked, grace
		s.podWrites.plan(p, p.due(&s.o, time.Now()))
	}
}

// again is when a write that failed is tried again.
func (s *simulator) again(ctx context.Context, p *pod, err error) time.Time {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || ctx.Err() != nil {
		return time.Time{} // it is gone, or another bears its name: the watch tells
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pause := min(100*time.Millisecond<<min(p.tries, 6), 5*time.Second)
	p.tries++
	klog.FromContext(ctx).V(1).Info("Cannot write a pod, will retry", "pod", klog.KRef(p.namespace, p.name), "after", pause, "err", err)
	return time.Now().Add(pause)
}
