package controllertest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync/atomic"
)

// label marks the goroutines of a Track.
const label = "controllertest"

var tracks atomic.Int64

// Track runs f, and returns a function that tells the stacks of the goroutines that f has started, or that these have,
// and that are still there. Those that keep connections for others to use are not told of.
func Track(ctx context.Context, f func(ctx context.Context)) (left func() []string) {
	mark := fmt.Sprint(tracks.Add(1))
	pprof.Do(ctx, pprof.Labels(label, mark), f)
	return func() []string {
		var all bytes.Buffer
		// A buffer takes all that is written.
		_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
		return ofTrack(all.String(), mark)
	}
}

// ofTrack picks the stacks with the mark out of a goroutine profile.
func ofTrack(profile, mark string) []string {
	var stacks []string
	for stack := range strings.SplitSeq(profile, "\n\n") {
		if strings.Contains(stack, fmt.Sprintf("%q:%q", label, mark)) && !keepsConnection(stack) {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

func keepsConnection(stack string) bool {
	return strings.Contains(stack, "net/http.(*persistConn).") || strings.Contains(stack, "lientConnReadLoop")
}
