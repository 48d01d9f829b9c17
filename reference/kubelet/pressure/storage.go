package pressure

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
)

const (
	// storageEvery is how often a pod with a limit on its local storage is measured, if that takes no time.
	storageEvery = 10 * time.Second
	// storageShare bounds the cost: a pod is left alone for this many times as long as measuring it took.
	storageShare = 50
)

// RunStorage evicts pods that exceed a limit on their local storage, until ctx ends. Pods without one cost nothing.
func (m *Manager) RunStorage(ctx context.Context) {
	due := map[types.UID]time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(storageEvery):
		}
		active := map[types.UID]bool{}
		for _, pod := range m.Pods.Active() {
			active[pod.UID] = true
			began := time.Now()
			if !eviction.LimitsStorage(pod) || began.Before(due[pod.UID]) {
				continue
			}
			m.measure(ctx, pod)
			// The ticker is no more exact than this.
			due[pod.UID] = began.Add(max(storageShare*time.Since(began), storageEvery/2))
		}
		for uid := range due {
			if !active[uid] {
				delete(due, uid)
			}
		}
	}
}

// measure evicts the pod if it exceeds a limit.
func (m *Manager) measure(ctx context.Context, pod *v1.Pod) {
	used, err := m.usages(ctx, []*v1.Pod{pod}, true)
	if err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("Cannot measure the pod's local storage", "pod", klog.KObj(pod), "err", err)
		}
		return
	}
	if why := eviction.OverStorage(used[0]); why != "" && !eviction.Critical(pod) {
		m.evict(pod, why, nil, atOnce)
	}
}
