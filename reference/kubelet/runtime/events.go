package runtime

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

const (
	// relistIdle is how often everything is compared although the event stream works: a
	// runtime may drop events that nobody took in time.
	relistIdle = 10 * time.Second
	// relistBlind is how often it is compared while there is no event stream.
	relistBlind = 500 * time.Millisecond
	// redial is the pause before the event stream is asked for again.
	redial = time.Second
)

// Watch calls changed with the uid of every pod of which a sandbox or container changed its
// state, until ctx ends. It follows the runtime's event stream; a comparison of lists, rare
// while the stream works and frequent while it does not, catches what the stream missed.
func (c *Client) Watch(ctx context.Context, changed func(types.UID)) {
	streaming := make(chan bool, 1)
	go c.stream(ctx, changed, streaming)
	seen := map[string]picture{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	period := relistBlind
	for {
		select {
		case <-ctx.Done():
			return
		case up := <-streaming:
			period = relistBlind
			if up {
				period = relistIdle
			}
			timer.Reset(0)
		case <-timer.C:
			now, err := c.pictures(ctx)
			if err != nil {
				klog.FromContext(ctx).V(2).Info("Cannot list containers", "err", err)
			} else {
				for uid := range differences(seen, now) {
					changed(uid)
				}
				seen = now
			}
			timer.Reset(period)
		}
	}
}

func (c *Client) stream(ctx context.Context, changed func(types.UID), streaming chan<- bool) {
	for ctx.Err() == nil {
		events := make(chan *criv1.ContainerEventResponse, 64)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for e := range events {
				if e.GetContainerEventType() == criv1.ContainerEventType_CONTAINER_CREATED_EVENT {
					// Who made it knows, and it does nothing before it starts.
					continue
				}
				if uid := e.GetPodSandboxStatus().GetMetadata().GetUid(); uid != "" {
					changed(types.UID(uid))
				}
			}
		}()
		// The call logs its own end as an error, which it is not when containerd restarts.
		quiet := klog.NewContext(ctx, klog.FromContext(ctx).V(5))
		err := c.GetContainerEvents(quiet, events, func(criv1.RuntimeService_GetContainerEventsClient) {
			tell(ctx, streaming, true)
		})
		close(events)
		<-done
		tell(ctx, streaming, false)
		klog.FromContext(ctx).V(2).Info("The runtime's event stream ended", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(redial):
		}
	}
}

func tell(ctx context.Context, c chan<- bool, v bool) {
	select {
	case c <- v:
	case <-ctx.Done():
	}
}

// picture is what a relist remembers of one sandbox or container.
type picture struct {
	pod   types.UID
	state int32
}

func (c *Client) pictures(ctx context.Context) (map[string]picture, error) {
	sandboxes, err := c.ListPodSandbox(ctx, nil)
	if err != nil {
		return nil, err
	}
	containers, err := c.ListContainers(ctx, nil)
	if err != nil {
		return nil, err
	}
	out := make(map[string]picture, len(sandboxes)+len(containers))
	for _, s := range sandboxes {
		out[s.Id] = picture{types.UID(s.Labels[PodUIDLabel]), int32(s.State)}
	}
	for _, k := range containers {
		out[k.Id] = picture{types.UID(k.Labels[PodUIDLabel]), int32(k.State)}
	}
	return out, nil
}

// differences returns the pods of which anything appeared, changed or disappeared.
func differences(before, after map[string]picture) map[types.UID]bool {
	changed := map[types.UID]bool{}
	for id, p := range after {
		if before[id] != p && p.pod != "" {
			changed[p.pod] = true
		}
	}
	for id, p := range before {
		if _, there := after[id]; !there && p.pod != "" {
			changed[p.pod] = true
		}
	}
	return changed
}
