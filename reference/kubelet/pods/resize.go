package pods

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/resize"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// retryResize is the pause after a container could not be given what was allocated to it.
const retryResize = 5 * time.Second

// resizeHold is the name under which a failed resize is held back; no container can have it.
const resizeHold = "resize/"

// resizing is how far a worker is with a change of its pod's resources.
type resizing struct {
	// allocation is what the node has agreed to, nil before the pod was looked at.
	allocation *resize.Allocation
	refusal    *resize.Refusal
	// refused is the generation for which users were told of the refusal.
	refused int64
	// group: the pod's cgroup is to be written.
	group bool
	// generation is that of the pod when the change in progress was agreed to, 0 if there is none.
	generation int64
	err        string
	// restart are instances by their container's name which get what they should only by another one.
	restart map[string]string
}

// of returns the pod with the resources that are allocated to it.
func (r *resizing) of(pod *v1.Pod) *v1.Pod {
	if r.allocation == nil {
		return pod
	}
	return r.allocation.Apply(pod)
}

// settle returns the pod as it is to run: with the resources that the node has agreed to, which are those that it
// was admitted with until a change fits.
func (w *worker) settle(now time.Time) *v1.Pod {
	r := &w.resizing
	if r.allocation == nil || !w.admitted {
		first := w.m.recall(w.asked, w.state)
		r.allocation, r.group = &first, w.m.remembered(w.asked.UID)
	}
	if w.stage == active && w.admitted && w.verdict == nil {
		allocation, refusal := w.m.allot(w.asked, *r.allocation, now)
		if !resize.Same(allocation, *r.allocation) {
			w.accept(allocation)
		}
		w.refuse(refusal)
	}
	return r.allocation.Apply(w.asked)
}

// accept takes a new allocation over.
func (w *worker) accept(allocation resize.Allocation) {
	r := &w.resizing
	for _, name := range resize.Restarts(w.asked, *r.allocation, allocation) {
		if c := w.state.Latest(name); c != nil && c.State == runtime.StateRunning {
			if r.restart == nil {
				r.restart = map[string]string{}
			}
			r.restart[name] = c.ID
		}
	}
	r.allocation, r.group, r.generation, r.err = &allocation, true, w.asked.Generation, ""
	delete(w.holds, resizeHold)
	w.tellResize(v1.EventTypeNormal, "ResizeStarted", "started", allocation.Apply(w.asked), "")
}

// refuse takes over why what the pod asks for is not agreed to, and tells users once for each wish and reason.
func (w *worker) refuse(why *resize.Refusal) {
	r := &w.resizing
	news := why != nil && (r.refusal == nil || r.refusal.Reason != why.Reason || r.refused != w.asked.Generation)
	r.refusal = why
	if news {
		r.refused = w.asked.Generation
		w.tellResize(v1.EventTypeWarning, "Resize"+why.Reason, why.Reason, w.asked, why.Message)
	}
}

// tellResize records an event that says what the containers get or ask for.
func (w *worker) tellResize(kind, reason, what string, pod *v1.Pod, problem string) {
	type container struct {
		Name      string                  `json:"name"`
		Resources v1.ResourceRequirements `json:"resources"`
	}
	summary := struct {
		Resources      *v1.ResourceRequirements `json:"resources,omitempty"`
		InitContainers []container              `json:"initContainers,omitempty"`
		Containers     []container              `json:"containers,omitempty"`
		Generation     int64                    `json:"generation,omitempty"`
		Error          string                   `json:"error,omitempty"`
	}{Resources: pod.Spec.Resources, Generation: w.asked.Generation, Error: problem}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; plan.Sidecar(c) {
			summary.InitContainers = append(summary.InitContainers, container{c.Name, c.Resources})
		}
	}
	for _, c := range pod.Spec.Containers {
		summary.Containers = append(summary.Containers, container{c.Name, c.Resources})
	}
	text, err := json.Marshal(summary)
	if err != nil {
		return // quantities and names always can be written
	}
	w.m.Recorder.Event(events.Pod(w.asked), kind, reason, fmt.Sprintf("Pod resize %s: %s", what, text))
}

// restarted has instances replaced that get their resources only so, and returns the state with those that have
// ended shown as failed: their end was not their own doing, so that every policy starts them again.
func (w *worker) restarted() (kills []plan.Kill, state *runtime.Pod) {
	state = w.state
	for name, id := range w.resizing.restart {
		latest := w.state.Latest(name)
		switch {
		case latest == nil || latest.ID != id:
			delete(w.resizing.restart, name)
		case latest.State == runtime.StateRunning:
			kills = append(kills, plan.Kill{ID: id, Name: name, Message: fmt.Sprintf("Container %s resize requires restart", name)})
		case latest.State == runtime.StateExited:
			seen := *state
			seen.Containers = slices.Clone(state.Containers)
			for i := range seen.Containers {
				if seen.Containers[i].ID == id {
					seen.Containers[i].ExitCode = 137
				}
			}
			state = &seen
		}
	}
	return kills, state
}

// updates are the running containers that do not have what is allocated to them.
func (w *worker) updates() []resize.Update {
	all := resize.Updates(w.pod, w.state, func(c *v1.Container) *criv1.LinuxContainerResources { return w.m.limits(w.pod, c) })
	return slices.DeleteFunc(all, func(u resize.Update) bool { return w.resizing.restart[u.Container.Name] == u.ID })
}

// resize returns the job that gives running containers what is allocated to them, nil if all have it. A change
// that is done is told.
func (w *worker) resize(now time.Time) func(context.Context, *tasks) {
	r := &w.resizing
	if w.state.Sandbox() == nil {
		return nil
	}
	updates := w.updates()
	if r.generation == 0 && slices.ContainsFunc(updates, func(u resize.Update) bool { return !u.Moves }) {
		r.generation = w.asked.Generation
	}
	switch {
	case len(updates) == 0 && !r.group:
		if r.generation != 0 && len(r.restart) == 0 {
			w.tellResize(v1.EventTypeNormal, "ResizeCompleted", "completed", w.pod, "")
			r.generation, r.err = 0, ""
		}
		return nil
	case now.Before(w.holds[resizeHold].until):
		return nil
	}
	return func(ctx context.Context, t *tasks) { t.resize(ctx, updates) }
}

// resized takes over what the job came to.
func (w *worker) resized(err error, now time.Time) {
	r := &w.resizing
	w.holds[resizeHold] = hold{until: now.Add(retryResize)}
	if err == nil {
		r.group, r.err = false, ""
		return
	}
	if r.err != err.Error() {
		r.err = err.Error()
		w.tellResize(v1.EventTypeWarning, "ResizeError", "error", w.pod, r.err)
	}
}

// progress is what the pod's status says of its resize.
func (w *worker) progress() status.Resize {
	r := &w.resizing
	out := status.Resize{Generation: r.generation, Error: r.err, Stale: map[string]bool{}}
	if r.refusal != nil {
		out.PendingReason, out.PendingMessage = r.refusal.Reason, r.refusal.Message
	}
	for name := range r.restart {
		out.Stale[name] = true
	}
	if r.generation != 0 {
		for _, u := range w.updates() {
			out.Stale[u.Container.Name] = !u.Moves
		}
	}
	return out
}

// resize writes the cgroups: the pod's is widened before those of the containers and narrowed after them. No memory
// limit is set below what is in use, which would be an out-of-memory kill.
func (t *tasks) resize(ctx context.Context, updates []resize.Update) {
	t.outcome.tried = true
	t.outcome.resized = t.writeGroups(ctx, updates)
	if t.outcome.resized != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Info("Cannot resize the pod yet", "err", t.outcome.resized)
	}
}

func (t *tasks) writeGroups(ctx context.Context, updates []resize.Update) error {
	group, want := cgroups.PodPath(t.qos(), t.pod.UID), t.m.group(t.pod)
	has := t.m.Cgroups.Read(group)
	if used, ok := t.m.Cgroups.MemoryUsage(group); ok && want.Memory > 0 && (has.Memory <= 0 || want.Memory < has.Memory) && used > want.Memory {
		return fmt.Errorf("attempting to set pod memory limit (%d) below current usage (%d)", want.Memory, used)
	}
	for _, u := range updates {
		used, ok := t.m.Cgroups.MemoryUsage(path.Join(group, u.ID))
		if limit := u.Limits.MemoryLimitInBytes; ok && u.Memory && used > limit {
			return fmt.Errorf("attempting to set container %q memory limit (%d) below current usage (%d)", u.Container.Name, limit, used)
		}
	}
	if err := t.m.Cgroups.Ensure(group, resize.Raised(has, want)); err != nil {
		return err
	}
	for _, u := range updates {
		err := t.m.Runtime.UpdateContainerResources(context.WithoutCancel(ctx), u.ID, &criv1.ContainerResources{Linux: u.Limits})
		if err != nil && !runtime.IsNotFound(err) {
			return fmt.Errorf("update resources of container %q: %w", u.Container.Name, err)
		}
	}
	return t.m.Cgroups.Ensure(group, want)
}

// remembered tells whether the pod was resized, maybe by an agent that ended before it was done.
func (m *Manager) remembered(uid types.UID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.Allocations.Get(uid)
	return ok
}

// recall returns what is allocated to the pod: as it was last resized, else as its sandbox was made for, else what
// it asks for.
func (m *Manager) recall(pod *v1.Pod, state *runtime.Pod) resize.Allocation {
	m.mu.Lock()
	a, ok := m.Allocations.Get(pod.UID)
	m.mu.Unlock()
	if ok {
		return a
	}
	if s := state.Sandbox(); s != nil && s.Allocation != "" {
		if a, err := resize.Parse(s.Allocation); err == nil {
			return a
		}
	}
	return resize.Of(pod)
}

// allot returns what is allocated to the pod, and why that is not what it asks for. A change of its wish is
// decided about at once, in turn with those of others that wait.
func (m *Manager) allot(asked *v1.Pod, has resize.Allocation, now time.Time) (resize.Allocation, *resize.Refusal) {
	wants := resize.Of(asked)
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.taken[asked.UID]
	if held == nil {
		return has, nil
	}
	if resize.Same(resize.Of(held), wants) {
		delete(m.wishes, asked.UID)
		return wants, nil
	}
	if w := m.wishes[asked.UID]; w == nil || !resize.Same(resize.Of(w.Wanted), wants) {
		m.wishes[asked.UID] = &wish{Waiting: resize.Waiting{Wanted: asked, Allocated: held, Since: now}}
		m.grant()
	}
	if w := m.wishes[asked.UID]; w != nil {
		return resize.Of(held), w.refusal
	}
	return wants, nil
}

// wish is a change that the node has not agreed to.
type wish struct {
	resize.Waiting
	refusal *resize.Refusal
}

// grant tries every change that waits, in their order; m.mu is held. It is called when a pod wants something else
// and when one gives something back.
func (m *Manager) grant() {
	node := m.Node()
	if len(m.wishes) == 0 || node == nil {
		return
	}
	var list []resize.Waiting
	for _, w := range m.wishes {
		list = append(list, w.Waiting)
	}
	resize.Order(list)
	for _, w := range list {
		uid := w.Wanted.UID
		why := resize.Judge(node, w.Wanted, func(node *v1.Node, pod *v1.Pod) string {
			others := slices.DeleteFunc(m.holders(), func(p *v1.Pod) bool { return p.UID == uid })
			_, message := lacks(node, pod, others)
			return message
		})
		if fixed := m.fixed(w.Wanted, w.Allocated); fixed != nil {
			why = fixed
		}
		if why == nil {
			if err := m.Allocations.Set(uid, resize.Of(w.Wanted)); err != nil {
				klog.ErrorS(err, "Cannot remember an allocation", "pod", klog.KObj(w.Wanted))
				why = &resize.Refusal{Reason: v1.PodReasonDeferred, Message: "Cannot remember the allocation: " + err.Error()}
			}
		}
		if why != nil {
			m.wishes[uid].refusal = why
		} else {
			delete(m.wishes, uid)
			m.taken[uid] = w.Wanted
			m.classes.update(m.holders())
		}
		if worker := m.workers[uid]; worker != nil {
			worker.tell(func(*box) {})
		}
	}
}
