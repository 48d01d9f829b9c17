package runtime

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// teller is a runtime that has nothing but events.
type teller struct {
	internalapi.RuntimeService
	events chan *criv1.ContainerEventResponse
}

func (r teller) GetContainerEvents(ctx context.Context, out chan *criv1.ContainerEventResponse, connected func(criv1.RuntimeService_GetContainerEventsClient)) error {
	connected(nil)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-r.events:
			out <- e
		}
	}
}

func (teller) ListPodSandbox(context.Context, *criv1.PodSandboxFilter) ([]*criv1.PodSandbox, error) {
	return nil, nil
}

func (teller) ListContainers(context.Context, *criv1.ContainerFilter) ([]*criv1.Container, error) {
	return nil, nil
}

func TestEventsTellOfChangesThatMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := make(chan *criv1.ContainerEventResponse)
		ctx, cancel := context.WithCancel(t.Context())
		var got []types.UID
		c := &Client{RuntimeService: teller{events: events}}
		go c.Watch(ctx, func(uid types.UID) { got = append(got, uid) })
		for uid, kind := range []criv1.ContainerEventType{
			criv1.ContainerEventType_CONTAINER_CREATED_EVENT, criv1.ContainerEventType_CONTAINER_STARTED_EVENT,
			criv1.ContainerEventType_CONTAINER_STOPPED_EVENT, criv1.ContainerEventType_CONTAINER_DELETED_EVENT,
		} {
			metadata := &criv1.PodSandboxMetadata{Uid: string(rune('a' + uid))}
			events <- &criv1.ContainerEventResponse{ContainerEventType: kind, PodSandboxStatus: &criv1.PodSandboxStatus{Metadata: metadata}}
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if want := []types.UID{"b", "c", "d"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
