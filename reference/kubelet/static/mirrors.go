package static

import (
	"context"
	"maps"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// Statuses brings the status of pods to the API server.
type Statuses interface {
	Set(pod *v1.Pod, s v1.PodStatus)
	Forget(uid types.UID)
}

// Mirrors keeps one mirror at the API server for each static pod of the node, and no other.
type Mirrors struct {
	client   kubernetes.Interface
	node     func() *v1.Node
	statuses Statuses
	queue    workqueue.TypedRateLimitingInterface[types.NamespacedName]

	mu sync.Mutex
	// complete: every static pod and every mirror there is was handed over.
	complete bool
	wanted   map[types.NamespacedName]wanted
	there    map[types.NamespacedName]*v1.Pod
}

type wanted struct {
	pod    *v1.Pod
	status v1.PodStatus
}

// NewMirrors returns a Mirrors for the node, which may not be known yet.
func NewMirrors(client kubernetes.Interface, node func() *v1.Node, s Statuses) *Mirrors {
	return &Mirrors{client: client, node: node, statuses: s,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](50*time.Millisecond, 10*time.Second)),
		wanted: map[types.NamespacedName]wanted{}, there: map[types.NamespacedName]*v1.Pod{}}
}

func keyOf(pod *v1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

// Set says how a static pod is. It needs a mirror from then on.
func (m *Mirrors) Set(pod *v1.Pod, s v1.PodStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted[keyOf(pod)] = wanted{pod, s}
	m.queue.Add(keyOf(pod))
}

// Forget says that nothing is left of a static pod on the node.
func (m *Mirrors) Forget(pod *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w, ok := m.wanted[keyOf(pod)]; ok && w.pod.UID == pod.UID {
		delete(m.wanted, keyOf(pod))
		m.queue.Add(keyOf(pod))
	}
}

// Seen hands over a mirror as the API server has it.
func (m *Mirrors) Seen(mirror *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.there[keyOf(mirror)] = mirror
	m.queue.Add(keyOf(mirror))
}

// Gone says that the API server does not have the mirror any more.
func (m *Mirrors) Gone(mirror *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.there[keyOf(mirror)]; now != nil && now.UID == mirror.UID {
		delete(m.there, keyOf(mirror))
	}
	m.statuses.Forget(mirror.UID)
	m.queue.Add(keyOf(mirror))
}

// Complete says that every static pod and every mirror was handed over: a mirror of no pod may go.
func (m *Mirrors) Complete() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.complete = true
	for key := range m.there {
		m.queue.Add(key)
	}
	for key := range m.wanted {
		m.queue.Add(key)
	}
}

// Run makes and removes mirrors until ctx ends.
func (m *Mirrors) Run(ctx context.Context) {
	go func() {
		<-ctx.Done()
		m.queue.ShutDown()
	}()
	for {
		key, quit := m.queue.Get()
		if quit {
			return
		}
		if err := m.reconcile(ctx, key); err != nil {
			klog.FromContext(ctx).V(2).Info("Cannot bring a mirror pod up to date, will retry", "pod", key, "err", err)
			m.queue.AddRateLimited(key)
		} else {
			m.queue.Forget(key)
		}
		m.queue.Done(key)
	}
}

func (m *Mirrors) reconcile(ctx context.Context, key types.NamespacedName) error {
	m.mu.Lock()
	want, there, complete := m.wanted[key], m.there[key], m.complete
	m.mu.Unlock()
	if !complete {
		return nil
	}
	switch decide(want.pod, there) {
	case remove:
		err := m.client.CoreV1().Pods(key.Namespace).Delete(ctx, key.Name, metav1.DeleteOptions{
			GracePeriodSeconds: ptr.To(int64(0)), Preconditions: &metav1.Preconditions{UID: &there.UID}})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		return err
	case create:
		node := m.node()
		if node == nil {
			m.queue.AddAfter(key, time.Second)
			return nil
		}
		_, err := m.client.CoreV1().Pods(key.Namespace).Create(ctx, Mirror(want.pod, node), metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			// Its event is on its way to us; if it is no mirror, it stands in the way.
			return err
		}
		return err
	case report:
		m.statuses.Set(there, onto(want.status, there))
	}
	return nil
}

type action int

const (
	nothing action = iota
	create
	remove
	report
)

// decide returns what is to be done about the mirror that is there, nil if none, for a static pod, nil if there is none.
func decide(pod, mirror *v1.Pod) action {
	switch {
	case pod == nil && mirror == nil:
		return nothing
	case mirror == nil:
		return create
	case pod == nil, mirror.DeletionTimestamp != nil, mirror.Annotations[v1.MirrorPodAnnotationKey] != pod.Annotations[HashAnnotation]:
		return remove
	}
	return report
}

// Mirror returns the pod that stands for the static one at the API server. It belongs to the node.
func Mirror(pod *v1.Pod, node *v1.Node) *v1.Pod {
	out := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, Labels: maps.Clone(pod.Labels), Annotations: maps.Clone(pod.Annotations),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID, Controller: ptr.To(true)}},
		},
		Spec: *pod.Spec.DeepCopy(),
	}
	out.Annotations[v1.MirrorPodAnnotationKey] = pod.Annotations[HashAnnotation]
	return out
}

// onto returns the status with the times that the mirror has already: the agent may have been restarted since.
func onto(s v1.PodStatus, mirror *v1.Pod) v1.PodStatus {
	out := *s.DeepCopy()
	if mirror.Status.StartTime != nil {
		out.StartTime = mirror.Status.StartTime
	}
	out.ObservedGeneration = mirror.Generation
	for i := range out.Conditions {
		c := &out.Conditions[i]
		c.ObservedGeneration = mirror.Generation
		for _, old := range mirror.Status.Conditions {
			if old.Type == c.Type && old.Status == c.Status {
				c.LastTransitionTime = old.LastTransitionTime
			}
		}
	}
	return out
}
