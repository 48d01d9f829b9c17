package scheduler

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
)

// write runs a request about a pod outside the loop. Requests about one pod run one after the
// other, in the order given: a late "does not fit" must not overwrite a binding.
func (s *scheduler) write(ctx context.Context, pod types.UID, request func(context.Context)) {
	before := s.pending[pod]
	done := make(chan struct{})
	s.pending[pod] = done
	go func() {
		if before != nil {
			<-before
		}
		s.writes <- struct{}{}
		request(ctx)
		<-s.writes
		close(done)
		s.inbox.send(func() {
			if s.pending[pod] == done {
				delete(s.pending, pod)
			}
		})
	}()
}
