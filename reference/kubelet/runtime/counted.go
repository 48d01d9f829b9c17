package runtime

import (
	"context"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
)

// counted counts the calls to the runtime, by upstream's names of them.
type counted struct{ internalapi.RuntimeService }

// count makes one call.
func count[T any](operation string, call func() (T, error)) (T, error) {
	began := time.Now()
	answer, err := call()
	metrics.Operated(operation, began, err)
	return answer, err
}

func countError(operation string, call func() error) error {
	began := time.Now()
	err := call()
	metrics.Operated(operation, began, err)
	return err
}

func (c counted) Version(ctx context.Context, v string) (*criv1.VersionResponse, error) {
	return count("version", func() (*criv1.VersionResponse, error) { return c.RuntimeService.Version(ctx, v) })
}

func (c counted) Status(ctx context.Context, verbose bool) (*criv1.StatusResponse, error) {
	return count("status", func() (*criv1.StatusResponse, error) { return c.RuntimeService.Status(ctx, verbose) })
}

func (c counted) CreateContainer(ctx context.Context, sandbox string, config *criv1.ContainerConfig, of *criv1.PodSandboxConfig) (string, error) {
	return count("create_container", func() (string, error) { return c.RuntimeService.CreateContainer(ctx, sandbox, config, of) })
}

func (c counted) StartContainer(ctx context.Context, id string) error {
	return countError("start_container", func() error { return c.RuntimeService.StartContainer(ctx, id) })
}

func (c counted) StopContainer(ctx context.Context, id string, timeout int64) error {
	return countError("stop_container", func() error { return c.RuntimeService.StopContainer(ctx, id, timeout) })
}

func (c counted) RemoveContainer(ctx context.Context, id string) error {
	return countError("remove_container", func() error { return c.RuntimeService.RemoveContainer(ctx, id) })
}

func (c counted) ListContainers(ctx context.Context, f *criv1.ContainerFilter) ([]*criv1.Container, error) {
	return count("list_containers", func() ([]*criv1.Container, error) { return c.RuntimeService.ListContainers(ctx, f) })
}

func (c counted) ContainerStatus(ctx context.Context, id string, verbose bool) (*criv1.ContainerStatusResponse, error) {
	return count("container_status", func() (*criv1.ContainerStatusResponse, error) {
		return c.RuntimeService.ContainerStatus(ctx, id, verbose)
	})
}

func (c counted) UpdateContainerResources(ctx context.Context, id string, r *criv1.ContainerResources) error {
	return countError("update_container", func() error { return c.RuntimeService.UpdateContainerResources(ctx, id, r) })
}

func (c counted) ReopenContainerLog(ctx context.Context, id string) error {
	return countError("reopen_container_log", func() error { return c.RuntimeService.ReopenContainerLog(ctx, id) })
}

func (c counted) ExecSync(ctx context.Context, id string, cmd []string, timeout time.Duration) (stdout, stderr []byte, err error) {
	began := time.Now()
	stdout, stderr, err = c.RuntimeService.ExecSync(ctx, id, cmd, timeout)
	metrics.Operated("exec_sync", began, err)
	return stdout, stderr, err
}

func (c counted) Exec(ctx context.Context, r *criv1.ExecRequest) (*criv1.ExecResponse, error) {
	return count("exec", func() (*criv1.ExecResponse, error) { return c.RuntimeService.Exec(ctx, r) })
}

func (c counted) Attach(ctx context.Context, r *criv1.AttachRequest) (*criv1.AttachResponse, error) {
	return count("attach", func() (*criv1.AttachResponse, error) { return c.RuntimeService.Attach(ctx, r) })
}

func (c counted) PortForward(ctx context.Context, r *criv1.PortForwardRequest) (*criv1.PortForwardResponse, error) {
	return count("port_forward", func() (*criv1.PortForwardResponse, error) { return c.RuntimeService.PortForward(ctx, r) })
}

func (c counted) RunPodSandbox(ctx context.Context, config *criv1.PodSandboxConfig, handler string) (string, error) {
	began := time.Now()
	id, err := count("run_podsandbox", func() (string, error) { return c.RuntimeService.RunPodSandbox(ctx, config, handler) })
	metrics.SandboxMade(handler, time.Since(began))
	return id, err
}

func (c counted) StopPodSandbox(ctx context.Context, id string) error {
	return countError("stop_podsandbox", func() error { return c.RuntimeService.StopPodSandbox(ctx, id) })
}

func (c counted) RemovePodSandbox(ctx context.Context, id string) error {
	return countError("remove_podsandbox", func() error { return c.RuntimeService.RemovePodSandbox(ctx, id) })
}

func (c counted) PodSandboxStatus(ctx context.Context, id string, verbose bool) (*criv1.PodSandboxStatusResponse, error) {
	return count("podsandbox_status", func() (*criv1.PodSandboxStatusResponse, error) {
		return c.RuntimeService.PodSandboxStatus(ctx, id, verbose)
	})
}

func (c counted) ListPodSandbox(ctx context.Context, f *criv1.PodSandboxFilter) ([]*criv1.PodSandbox, error) {
	return count("list_podsandbox", func() ([]*criv1.PodSandbox, error) { return c.RuntimeService.ListPodSandbox(ctx, f) })
}

func (c counted) ListContainerStats(ctx context.Context, f *criv1.ContainerStatsFilter) ([]*criv1.ContainerStats, error) {
	return count("list_container_stats", func() ([]*criv1.ContainerStats, error) { return c.RuntimeService.ListContainerStats(ctx, f) })
}

// countedImages does the same for images.
type countedImages struct {
	internalapi.ImageManagerService
}

func (c countedImages) ListImages(ctx context.Context, f *criv1.ImageFilter) ([]*criv1.Image, error) {
	return count("list_images", func() ([]*criv1.Image, error) { return c.ImageManagerService.ListImages(ctx, f) })
}

func (c countedImages) ImageStatus(ctx context.Context, i *criv1.ImageSpec, verbose bool) (*criv1.ImageStatusResponse, error) {
	return count("image_status", func() (*criv1.ImageStatusResponse, error) { return c.ImageManagerService.ImageStatus(ctx, i, verbose) })
}

func (c countedImages) PullImage(ctx context.Context, i *criv1.ImageSpec, auth *criv1.AuthConfig, s *criv1.PodSandboxConfig) (string, error) {
	return count("pull_image", func() (string, error) { return c.ImageManagerService.PullImage(ctx, i, auth, s) })
}

func (c countedImages) RemoveImage(ctx context.Context, i *criv1.ImageSpec) error {
	return countError("remove_image", func() error { return c.ImageManagerService.RemoveImage(ctx, i) })
}

func (c countedImages) ImageFsInfo(ctx context.Context) (*criv1.ImageFsInfoResponse, error) {
	return count("image_fs_info", func() (*criv1.ImageFsInfoResponse, error) { return c.ImageManagerService.ImageFsInfo(ctx) })
}
