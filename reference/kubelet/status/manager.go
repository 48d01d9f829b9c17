package status

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// Manager brings the status of pods to the API server. It sends only what changed, retries
// until it succeeds, and never makes its callers wait: containers do not depend on the API
// server being there.
type Manager struct {
	client kubernetes.Interface
	queue  workqueue.TypedRateLimitingInterface[types.UID]

	mu      sync.Mutex
	entries map[types.UID]*entry
}

type entry struct {
	// server is the newest version of the pod that we saw.
	server *v1.Pod
	status v1.PodStatus
	// told is the last status that the server has acknowledged or did not want.
	told *v1.PodStatus
	// released: the node holds nothing of the pod any more.
	released bool
}

// NewManager returns a Manager that writes with the client.
func NewManager(client kubernetes.Interface) *Manager {
	return &Manager{
		client: client,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](20*time.Millisecond, 5*time.Second)),
		entries: map[types.UID]*entry{},
	}
}

// Set makes s the status that the API server shall have.
func (m *Manager) Set(pod *v1.Pod, s v1.PodStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.see(pod)
	if !equality.Semantic.DeepEqual(e.status, s) {
		e.status = s
		m.queue.Add(pod.UID)
	}
}

// Release says that the node holds nothing of the pod any more, neither containers nor
// volumes: once its last status is sent, a pod that is being deleted is taken out of the API
// server.
func (m *Manager) Release(pod *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.see(pod).released = true
	m.queue.Add(pod.UID)
}

// Sent tells whether the API server has been told the newest status of the pod, or nobody waits for it.
func (m *Manager) Sent(uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[uid]
	if e == nil {
		return true
	}
	return e.told != nil && equality.Semantic.DeepEqual(*e.told, e.status)
}

// Forget drops what is known of a pod that the API server does not have any more.
func (m *Manager) Forget(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, uid)
	m.queue.Forget(uid)
}

// Run sends until ctx ends.
func (m *Manager) Run(ctx context.Context, workers int) {
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for m.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	m.queue.ShutDown()
	group.Wait()
}

func (m *Manager) next(ctx context.Context) bool {
	uid, quit := m.queue.Get()
	if quit {
		return false
	}
	defer m.queue.Done(uid)
	if err := m.send(ctx, uid); err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot send pod status, will retry", "uid", uid, "err", err)
		m.queue.AddRateLimited(uid)
		return true
	}
	m.queue.Forget(uid)
	return true
}

// see returns the pod's entry, with pod as the server's version if it is newer.
func (m *Manager) see(pod *v1.Pod) *entry {
	e := m.entries[pod.UID]
	if e == nil {
		e = &entry{server: pod, status: pod.Status}
		m.entries[pod.UID] = e
	}
	if newer(pod, e.server) {
		e.server = pod
	}
	return e
}

func newer(a, b *v1.Pod) bool {
	x, errX := strconv.ParseUint(a.ResourceVersion, 10, 64)
	y, errY := strconv.ParseUint(b.ResourceVersion, 10, 64)
	return errX == nil && (errY != nil || x > y)
}

func (m *Manager) send(ctx context.Context, uid types.UID) error {
	m.mu.Lock()
	e := m.entries[uid]
	if e == nil {
		m.mu.Unlock()
		return nil
	}
	server, wanted, released := e.server, e.status, e.released
	m.mu.Unlock()

	patch, err := Patch(server, wanted)
	if err != nil {
		return err
	}
	if patch != nil {
		sent, err := m.client.CoreV1().Pods(server.Namespace).Patch(ctx, server.Name,
			types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			// The pod is gone, or another bears its name: nobody waits for this status.
			m.acknowledged(e, wanted)
			return nil
		}
		if err != nil {
			return fmt.Errorf("patch status of pod %s/%s: %w", server.Namespace, server.Name, err)
		}
		m.mu.Lock()
		if newer(sent, e.server) {
			e.server = sent
		}
		m.mu.Unlock()
		server = sent
	}
	m.acknowledged(e, wanted)
	if released && server.DeletionTimestamp != nil {
		return m.remove(ctx, server)
	}
	return nil
}

func (m *Manager) acknowledged(e *entry, s v1.PodStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.told = &s
}

func (m *Manager) remove(ctx context.Context, pod *v1.Pod) error {
	err := m.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: ptr.To(int64(0)),
		Preconditions:      &metav1.Preconditions{UID: &pod.UID},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
