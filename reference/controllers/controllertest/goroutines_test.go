package controllertest

import (
	"context"
	"runtime"
	"strings"
	"testing"
)

// What is left of a Track is told, also where it is a grandchild, and nothing of what others have started.
func TestTrack(t *testing.T) {
	end, begun, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { <-end }()
	left := Track(t.Context(), func(context.Context) {
		go func() {
			go func() {
				defer close(ended)
				close(begun)
				<-end
			}()
		}()
		<-begun
	})
	stacks := strings.Join(left(), "\n")
	if !strings.Contains(stacks, "TestTrack.func2.1.1") || strings.Contains(stacks, "TestTrack.func1+") {
		t.Errorf("left is\n%s", stacks)
	}
	close(end)
	<-ended
	for len(left()) > 0 {
		runtime.Gosched() // it has closed ended and is about to go
	}
}
