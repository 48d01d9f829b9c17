package node

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Below these the node reports pressure (docs: node-pressure-eviction, the default hard thresholds).
const (
	minMemory     = 100 << 20
	minDiskShare  = 10 // percent
	minInodeShare = 5  // percent
)

// Observe asks the runtime and the kernel how the node is.
func Observe(ctx context.Context, rt *runtime.Client, root string) Observed {
	var o Observed
	version, err := rt.Version(ctx, "")
	if err != nil {
		o.Problems = append(o.Problems, fmt.Sprintf("container runtime is down: %v", err))
		return o
	}
	o.Runtime = version.RuntimeName + "://" + strings.TrimPrefix(version.RuntimeVersion, "v")
	status, err := rt.Status(ctx, false)
	if err != nil {
		o.Problems = append(o.Problems, fmt.Sprintf("container runtime status check failed: %v", err))
	} else {
		o.Problems = append(o.Problems, problems(status.GetStatus())...)
	}
	if o.Images, err = rt.Images.ListImages(ctx, nil); err != nil {
		o.Images = nil
	}
	var fs unix.Statfs_t
	if unix.Statfs(root, &fs) == nil {
		o.DiskPressure = short(fs.Bavail, fs.Blocks, minDiskShare) || short(fs.Ffree, fs.Files, minInodeShare)
	}
	if available, ok := memAvailable(); ok {
		o.MemoryPressure = available < minMemory
	}
	return o
}

// short tells whether less than percent of all is free; of nothing there cannot be too little.
func short(free, all, percent uint64) bool {
	return all > 0 && free*100 < all*percent
}
