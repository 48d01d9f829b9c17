package api

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Start is one start of a server on an empty disk.
type Start struct {
	// Ready is the time from the start of the process to the first 200 of /readyz.
	Ready time.Duration `json:"ready"`
	// CPU is the processor time used until then, Memory the resident bytes then.
	CPU    time.Duration `json:"cpu"`
	Memory int64         `json:"memory"`
}

// Starts are the starts of both servers, in turn.
type Starts struct {
	Server []Start `json:"server"`
	Bare   []Start `json:"bare"`
}

func runStarts(ctx context.Context, o Options, parent string) (Starts, error) {
	var starts Starts
	for i := range o.Starts {
		fmt.Fprintf(o.Progress, "start %d of %d\n", i+1, o.Starts)
		for k, p := range peers() {
			start, err := startOnce(ctx, p, parent)
			if err != nil {
				return Starts{}, err
			}
			to := &starts.Server
			if k > 0 {
				to = &starts.Bare
			}
			*to = append(*to, start)
		}
	}
	return starts, nil
}

// startOnce starts with fsync, as a cluster does.
func startOnce(ctx context.Context, p *peer, parent string) (Start, error) {
	dir, err := os.MkdirTemp(parent, "start-")
	if err != nil {
		return Start{}, err
	}
	defer os.RemoveAll(dir)
	f, err := newFiles(dir)
	if err != nil {
		return Start{}, err
	}
	const fsync = true
	ready, err := p.start(ctx, f, fsync)
	if err != nil {
		return Start{}, err
	}
	defer p.stop()
	cpu, err := p.process.CPU()
	if err != nil {
		return Start{}, err
	}
	memory, _, err := p.process.Memory()
	return Start{Ready: ready, CPU: cpu, Memory: memory}, err
}
