package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	grpcstatus "google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/handlers"
	"github.com/etalon-dev/etalon/reference/kubelet/images"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
)

// retryContainer is the pause after a container could not be made.
const retryContainer = 5 * time.Second

// failure is why a container does not start, as its waiting state shows it.
type failure struct {
	reason, message string
	retry           time.Time
}

func (f *failure) Error() string { return f.reason + ": " + f.message }

func failed(reason string, err error) *failure {
	message := err.Error()
	if s, ok := grpcstatus.FromError(err); ok {
		// What the runtime says, without how it came here.
		message = s.Message()
	}
	return &failure{reason: reason, message: message, retry: time.Now().Add(retryContainer)}
}

// startAll starts the containers in their order. One that fails does not keep the others from
// starting, but for init containers, which each wait for the one before.
func (t *tasks) startAll(ctx context.Context, starts []plan.Start) {
	// Their volumes may have changed since the last instance, or the agent was restarted.
	if !t.mount(ctx) {
		return
	}
	for _, s := range starts {
		if ctx.Err() != nil {
			return
		}
		err := t.start(ctx, s)
		if err == nil {
			metrics.ContainerStarted(s.Init, "")
			t.outcome.started = append(t.outcome.started, s.Container.Name)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		metrics.ContainerStarted(s.Init, t.fail(s.Container, err))
		if s.Init {
			return
		}
	}
}

// fail records why a container does not start, and holds it back for a while. It returns the reason.
func (t *tasks) fail(c *v1.Container, err error) string {
	f := &failure{}
	var image *images.Failure
	switch {
	case errors.As(err, &image):
		f = &failure{reason: image.Reason, message: image.Message, retry: image.Retry}
		t.m.Recorder.Event(events.Container(t.pod, c.Name), v1.EventTypeWarning, "Failed", "Error: "+f.reason)
	case errors.As(err, &f):
		if f.reason != "PostStartHookError" {
			t.m.Recorder.Event(events.Container(t.pod, c.Name), v1.EventTypeWarning, "Failed", "Error: "+f.message)
		}
	default:
		f = failed("CreateContainerError", err)
	}
	t.hold(c.Name, hold{
		waiting: v1.ContainerStateWaiting{Reason: f.reason, Message: f.message}, until: f.retry,
	})
	return f.reason
}

// start pulls the image, creates the instance, starts it and runs its postStart hook.
func (t *tasks) start(ctx context.Context, s plan.Start) error {
	c := s.Container
	sandbox := t.state.Sandbox()
	sandboxConfig := t.sandboxConfig(sandbox.Attempt)
	began := time.Now()
	image, err := t.m.images.Ensure(ctx, t.pod, c, sandboxConfig)
	t.outcome.pulling += time.Since(began)
	if err != nil {
		return err
	}
	volumeImages, err := t.volumeImages(ctx, c, sandboxConfig)
	if err != nil {
		return err
	}
	if err := spec.CheckNonRoot(t.pod, c, image); err != nil {
		return failed("CreateContainerConfigError", err)
	}
	vars, err := t.source().Container(ctx, c)
	if err != nil {
		return failed("CreateContainerConfigError", err)
	}
	node, err := os.ReadFile("/etc/hosts")
	if err != nil && t.pod.Spec.HostNetwork {
		return failed("CreateContainerConfigError", err)
	}
	hosts := spec.Hosts(t.pod, t.ips(), t.m.Spec.DNS.Domain, string(node))
	target, err := t.target(s)
	if err != nil {
		return failed("CreateContainerConfigError", err)
	}
	mounts, err := t.m.volumes.Binds(t.pod, c, s.Attempt, vars, hosts)
	if err != nil {
		return failed("CreateContainerConfigError", err)
	}
	mounts = append(mounts, spec.ImageMounts(c, volumeImages)...)
	blocks, err := t.m.volumes.Devices(t.pod, c)
	if err != nil {
		return failed("CreateContainerConfigError", err)
	}
	given, err := t.devices(ctx, c)
	if err != nil {
		return failed("CreateContainerConfigError", err)
	}
	config := t.m.Spec.Container(spec.Instance{
		Pod: t.pod, Container: c, QOS: t.qos(), Attempt: s.Attempt, Image: image.GetId(),
		Env: withVariables(given.Envs, vars), Mounts: append(mounts, given.Mounts...), Devices: append(blocks, given.Devices...), Target: target, Unified: t.m.Cgroups.Unified(), Swaps: t.m.Cgroups.Swaps(),
	})
	annotate(config, given)
	t.m.pinned(t.pod, c, config.Linux.Resources)
	if first, ok := t.m.Users.Of(t.pod.UID); ok {
		spec.MapContainer(config, first)
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(sandboxConfig.LogDirectory, config.LogPath)), 0o755); err != nil {
		return failed("CreateContainerError", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	whole := context.WithoutCancel(ctx)
	id, err := t.m.Runtime.CreateContainer(whole, sandbox.ID, config, sandboxConfig)
	if err != nil {
		return failed("CreateContainerError", err)
	}
	t.m.Recorder.Event(events.Container(t.pod, c.Name), v1.EventTypeNormal, "Created", "Container created")
	if !s.After.IsZero() {
		t.earn(&s)
	}
	hook := c.Lifecycle != nil && c.Lifecycle.PostStart != nil
	if hook {
		t.hook(id, true)
		defer t.hook(id, false)
	}
	if err := t.m.Runtime.StartContainer(whole, id); err != nil {
		return failed("RunContainerError", err)
	}
	t.m.Recorder.Event(events.Container(t.pod, c.Name), v1.EventTypeNormal, "Started", "Container started")
	t.m.linkLog(ctx, t.pod, c.Name, id, filepath.Join(sandboxConfig.LogDirectory, config.LogPath))
	if hook {
		return t.postStart(ctx, c, id)
	}
	return nil
}

// earn notes the delay that the container has earned by being restarted.
func (t *tasks) earn(s *plan.Start) {
	name := s.Container.Name
	t.outcome.backoff[name] = t.backoff[name].Restarted(s.After, time.Now(), runtime.Hash(s.Container), t.m.maxDelay())
}

// target is the id of the container whose processes an ephemeral container is to see, empty if none.
func (t *tasks) target(s plan.Start) (string, error) {
	if s.Target == "" {
		return "", nil
	}
	running := t.state.Latest(s.Target)
	if running == nil {
		return "", fmt.Errorf("unable to find target container %v", s.Target)
	}
	return running.ID, nil
}

// postStart runs the hook; a container whose hook fails is killed.
func (t *tasks) postStart(ctx context.Context, c *v1.Container, id string) error {
	target := handlers.Target{Container: c, ID: id, IP: first(t.ips())}
	err := handlers.Hook(ctx, t.m.Runtime, target, c.Lifecycle.PostStart)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	klog.FromContext(ctx).Info("postStart hook failed", "container", c.Name, "err", err)
	t.m.Recorder.Event(events.Container(t.pod, c.Name), v1.EventTypeWarning, "FailedPostStartHook", "PostStartHook failed")
	t.kill(ctx, plan.Kill{ID: id, Name: c.Name, Message: "FailedPostStartHook"}, Grace(t.pod, false), nil)
	return &failure{reason: "PostStartHookError", message: "PostStartHook failed: " + err.Error(), retry: time.Now()}
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}
