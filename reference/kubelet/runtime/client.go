package runtime

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	cri "k8s.io/cri-client/pkg"
)

// requestTimeout bounds one call to the runtime. Upstream's default: long, because the start
// of a sandbox waits for the network plugin.
const requestTimeout = 2 * time.Minute

// Client speaks CRI to the container runtime.
type Client struct {
	internalapi.RuntimeService
	Images internalapi.ImageManagerService
}

// Dial connects to the runtime's socket (unix:///…). The runtime may still be starting:
// it asks again every 20 ms until it answers or ctx ends, then returns the last error.
func Dial(ctx context.Context, endpoint string) (*Client, error) {
	for {
		rt, err := cri.NewRemoteRuntimeServiceBuilder().WithEndpoint(endpoint).
			WithConnectionTimeout(requestTimeout).WithTracerProvider(nil).Build(ctx)
		if err == nil {
			img, err := cri.NewRemoteImageServiceBuilder().WithEndpoint(endpoint).
				WithConnectionTimeout(requestTimeout).WithTracerProvider(nil).Build(ctx)
			if err == nil {
				return &Client{RuntimeService: counted{rt}, Images: countedImages{img}}, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("container runtime at %s does not answer: %w", endpoint, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Identity names a pod that the runtime has something of.
type Identity struct {
	UID             types.UID
	Name, Namespace string
}

// List returns the pods that the runtime has a sandbox or a container of.
func (c *Client) List(ctx context.Context) (map[types.UID]Identity, error) {
	sandboxes, err := c.ListPodSandbox(ctx, nil)
	if err != nil {
		return nil, err
	}
	containers, err := c.ListContainers(ctx, nil)
	if err != nil {
		return nil, err
	}
	pods := map[types.UID]Identity{}
	add := func(labels map[string]string) {
		if uid := labels[PodUIDLabel]; uid != "" {
			pods[types.UID(uid)] = Identity{UID: types.UID(uid), Name: labels[PodNameLabel], Namespace: labels[PodNamespaceLabel]}
		}
	}
	for _, s := range sandboxes {
		add(s.Labels)
	}
	for _, k := range containers {
		add(k.Labels)
	}
	return pods, nil
}

// RunningPod is a pod of which containers run, and what these are.
type RunningPod struct {
	Identity
	Containers []Container
}

// RunningPods returns the pods of which a container runs, in the order of their names.
func (c *Client) RunningPods(ctx context.Context) ([]RunningPod, error) {
	list, err := c.ListContainers(ctx, &criv1.ContainerFilter{State: &criv1.ContainerStateValue{State: criv1.ContainerState_CONTAINER_RUNNING}})
	if err != nil {
		return nil, err
	}
	pods := map[types.UID]*RunningPod{}
	for _, k := range list {
		uid := types.UID(k.Labels[PodUIDLabel])
		if uid == "" {
			continue
		}
		if pods[uid] == nil {
			pods[uid] = &RunningPod{Identity: Identity{UID: uid, Name: k.Labels[PodNameLabel], Namespace: k.Labels[PodNamespaceLabel]}}
		}
		pods[uid].Containers = append(pods[uid].Containers, Container{
			ID: k.Id, Name: k.Labels[ContainerNameLabel], Image: k.GetImage().GetImage(), CreatedAt: at(k.CreatedAt), State: StateRunning,
		})
	}
	out := make([]RunningPod, 0, len(pods))
	for _, p := range pods {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b RunningPod) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(string(a.UID), string(b.UID)))
	})
	return out, nil
}

// Pod reads the present state of one pod. A pod that the runtime does not know yields an empty Pod.
func (c *Client) Pod(ctx context.Context, uid types.UID) (*Pod, error) {
	pod := &Pod{UID: uid}
	selector := map[string]string{PodUIDLabel: string(uid)}
	sandboxes, err := c.ListPodSandbox(ctx, &criv1.PodSandboxFilter{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	for _, s := range sandboxes {
		pod.Name, pod.Namespace = s.Labels[PodNameLabel], s.Labels[PodNamespaceLabel]
		status, err := c.PodSandboxStatus(ctx, s.Id, false)
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("status of sandbox %s: %w", s.Id, err)
		}
		pod.Sandboxes = append(pod.Sandboxes, sandboxOf(status.GetStatus()))
	}
	containers, err := c.ListContainers(ctx, &criv1.ContainerFilter{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, k := range containers {
		status, err := c.ContainerStatus(ctx, k.Id, false)
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("status of container %s: %w", k.Id, err)
		}
		container := containerOf(status.GetStatus())
		container.SandboxID = k.PodSandboxId
		pod.Containers = append(pod.Containers, container)
	}
	pod.order()
	return pod, nil
}
