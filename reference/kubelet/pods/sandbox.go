package pods

import (
	"context"
	"errors"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/logs"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// retryPod is the pause after a pod's sandbox or volumes could not be made. An object that
// appears is tried at once.
const retryPod = 2 * time.Second

// sandbox makes the pod's volumes, cgroup and sandbox, after stopping a broken one.
func (t *tasks) sandbox(ctx context.Context, p plan.Plan) {
	if p.ReplaceSandbox {
		if p.CreateSandbox {
			t.m.Recorder.Event(events.Pod(t.pod), v1.EventTypeNormal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
		}
		if !t.stop(ctx, Grace(t.pod, false)) {
			return
		}
	}
	if ctx.Err() != nil || !t.mount(ctx) {
		return
	}
	if err := t.m.Cgroups.Ensure(cgroups.PodPath(t.qos(), t.pod.UID), t.m.group(t.pod)); err != nil {
		t.holdPod("FailedCreatePodContainer", "unable to ensure pod container exists: "+err.Error())
		return
	}
	if err := t.users(); err != nil {
		t.holdPod("FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
		return
	}
	config := t.sandboxConfig(p.SandboxAttempt)
	if err := os.MkdirAll(config.LogDirectory, 0o755); err != nil {
		t.holdPod("FailedCreatePodSandBox", "Failed to create pod log directory: "+err.Error())
		return
	}
	handler, err := t.handler(ctx)
	if err != nil {
		t.holdPod("FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
		return
	}
	// Not to be given up half way: the runtime would leave half a sandbox.
	_, err = t.m.Runtime.RunPodSandbox(context.WithoutCancel(ctx), config, handler)
	metrics.PodStarted(err)
	if err != nil {
		t.holdPod("FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
	}
}

// mount makes the volumes and brings them up to date; false if one failed.
func (t *tasks) mount(ctx context.Context) bool {
	err := t.m.volumes.Mount(ctx, t.source())
	if err == nil {
		t.outcome.mounted = true
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	for _, failure := range split(err) {
		t.m.Recorder.Event(events.Pod(t.pod), v1.EventTypeWarning, "FailedMount", failure.Error())
	}
	t.hold("", hold{until: time.Now().Add(retryPod)})
	return false
}

// split takes a joined error apart.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func (t *tasks) holdPod(reason, message string) {
	t.m.Recorder.Event(events.Pod(t.pod), v1.EventTypeWarning, reason, message)
	t.hold("", hold{until: time.Now().Add(retryPod)})
}

// discard removes dead instances and sandboxes, and their logs.
func (t *tasks) discard(ctx context.Context, p plan.Plan) {
	log := klog.FromContext(ctx)
	for _, id := range p.Remove {
		if err := t.m.Runtime.RemoveContainer(ctx, id); err != nil && !runtime.IsNotFound(err) {
			log.Error(err, "Cannot remove a dead container", "container", id)
			continue
		}
		if c := t.state.Container(id); c != nil && c.LogPath != "" {
			if err := errors.Join(logs.Remove(c.LogPath), t.m.unlinkLog(c.LogPath)); err != nil {
				log.Error(err, "Cannot remove a dead container's log", "container", id)
			}
		}
	}
	for _, id := range p.RemoveSandboxes {
		if err := t.m.Runtime.RemovePodSandbox(ctx, id); err != nil && !runtime.IsNotFound(err) {
			log.Error(err, "Cannot remove a dead sandbox", "sandbox", id)
		}
	}
}

// erase removes the sandboxes with their containers, the logs and whatever else there is.
func (w *worker) erase(ctx context.Context) error {
	var failures []error
	for _, c := range w.state.Containers {
		if err := w.m.Runtime.RemoveContainer(ctx, c.ID); err != nil && !runtime.IsNotFound(err) {
			failures = append(failures, err)
		}
	}
	for _, s := range w.state.Sandboxes {
		if err := w.m.Runtime.RemovePodSandbox(ctx, s.ID); err != nil && !runtime.IsNotFound(err) {
			failures = append(failures, err)
		}
	}
	if dir := w.logDir(); dir != "" {
		failures = append(failures, os.RemoveAll(dir), w.m.unlinkLog(""))
	}
	return errors.Join(failures...)
}

// users gives the pod users of its own if it asks for that.
func (t *tasks) users() error {
	if t.pod.Spec.HostUsers == nil || *t.pod.Spec.HostUsers {
		return nil
	}
	if !mapsUsers(t.m.Node()) {
		return errors.New("the node's container runtime does not support user namespaces")
	}
	_, err := t.m.Users.Take(t.pod.UID)
	return err
}

// mapsUsers tells whether the node's default runtime handler has user namespaces.
func mapsUsers(node *v1.Node) bool {
	if node == nil {
		return false
	}
	for _, h := range node.Status.RuntimeHandlers {
		if h.Name == "" {
			return h.Features != nil && h.Features.UserNamespaces != nil && *h.Features.UserNamespaces
		}
	}
	return false
}
