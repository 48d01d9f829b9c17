package pods

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// turns orders the stopping of a pod's containers (KEP-753): app and ephemeral containers at once; each
// sidecar after all app containers and after the sidecars that started later than it.
type turns struct {
	ended  map[string]chan struct{}
	before map[string][]string
}

func newTurns(pod *v1.Pod, running []*runtime.Container) *turns {
	t := &turns{ended: map[string]chan struct{}{}, before: map[string][]string{}}
	rank, app := map[string]int{}, map[string]bool{}
	for i := range pod.Spec.Containers {
		app[pod.Spec.Containers[i].Name] = true
	}
	for i := range pod.Spec.InitContainers {
		if plan.Sidecar(&pod.Spec.InitContainers[i]) {
			rank[pod.Spec.InitContainers[i].Name] = i + 1
		}
	}
	for _, c := range running {
		t.ended[c.ID] = make(chan struct{})
		for _, other := range running {
			if mine, its := rank[c.Name], rank[other.Name]; mine > 0 && (app[other.Name] || its > mine) {
				t.before[c.ID] = append(t.before[c.ID], other.ID)
			}
		}
	}
	return t
}

// done says that the instance has ended.
func (t *turns) done(id string) { close(t.ended[id]) }

// wait returns when it is the instance's turn, or limit is over, or ctx ends.
func (t *turns) wait(ctx context.Context, id string, limit time.Duration) {
	if t == nil || len(t.before[id]) == 0 {
		return
	}
	timer := time.NewTimer(max(limit, 0))
	defer timer.Stop()
	for _, other := range t.before[id] {
		select {
		case <-t.ended[other]:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
