package pods

import (
	"context"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// shutdown is why pods end with their node, in the words of upstream (docs: concepts/cluster-administration/node-shutdown).
var shutdown = status.Verdict{
	Reason: "Terminated", Message: "Pod was terminated in response to imminent node shutdown.", Disruption: v1.PodReasonTerminationByKubelet,
}

// End ends the pod for that reason. Its containers get grace seconds at most, or as many as the pod says. It is no error if
// the pod is not there, or ends already; then only the grace period is shortened.
func (m *Manager) End(uid types.UID, why *status.Verdict, grace *int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.workers[uid]; w != nil {
		w.tell(func(b *box) { b.verdict, b.grace = why, grace })
	}
}

// Close has no more pods admitted to the node.
func (m *Manager) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

// Shutdown ends the pods of the node: those of each step, in order, within its seconds, then what is left. From now on none is
// admitted. It returns when all have ended and the API server was told, or the time is over.
func (m *Manager) Shutdown(ctx context.Context, steps []kubeletv1beta1.ShutdownGracePeriodByPodPriority) {
	m.Close()
	log := klog.FromContext(ctx)
	for i, pods := range groups(m.Pods(), steps) {
		if len(pods) == 0 {
			continue
		}
		seconds := steps[i].ShutdownGracePeriodSeconds
		log.Info("Ending pods, as the node shuts down", "pods", len(pods), "priority", steps[i].Priority, "seconds", seconds)
		for _, p := range pods {
			m.End(p.UID, &shutdown, &seconds)
		}
		if !m.ended(ctx, pods, time.Duration(seconds)*time.Second) {
			log.Info("Some pods did not end in time", "priority", steps[i].Priority)
		}
	}
}

// groups sorts pods into the steps, which are in ascending order of priority: each into the last whose priority is not above
// its own, and those below all into the first.
func groups(pods []*v1.Pod, steps []kubeletv1beta1.ShutdownGracePeriodByPodPriority) [][]*v1.Pod {
	out := make([][]*v1.Pod, len(steps))
	if len(steps) == 0 {
		return out
	}
	for _, p := range pods {
		priority := int32(0)
		if p.Spec.Priority != nil {
			priority = *p.Spec.Priority
		}
		at := 0
		for i := range steps {
			if steps[i].Priority <= priority {
				at = i
			}
		}
		out[at] = append(out[at], p)
	}
	return out
}

// ended waits for pods to be at rest; false if the time is over before.
func (m *Manager) ended(ctx context.Context, pods []*v1.Pod, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for slices.ContainsFunc(pods, func(p *v1.Pod) bool { return !m.rests(p.UID) }) {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// rests tells whether the pod has ended here and what it gave back is free.
func (m *Manager) rests(uid types.UID) bool {
	m.mu.Lock()
	w := m.workers[uid]
	m.mu.Unlock()
	if w == nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rested && m.Statuses.Sent(uid)
}
