package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Observe asks the runtime how the node is.
func Observe(ctx context.Context, rt *runtime.Client) Observed {
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
		o.Handlers, o.Features = handlers(status), features(status)
	}
	if o.Images, err = rt.Images.ListImages(ctx, nil); err != nil {
		o.Images = nil
	}
	return o
}
