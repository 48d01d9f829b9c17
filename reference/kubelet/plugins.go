package kubelet

import (
	"context"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/csi"
	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// measureTimeout is how long who asks for the numbers of all volumes waits for a driver to tell of one.
const measureTimeout = 10 * time.Second

// measuring asks those who keep volumes how full they are.
func measuring(ctx context.Context, mounts *volumes.Manager) func(types.UID, string) (*volumes.Usage, bool) {
	return func(pod types.UID, volume string) (*volumes.Usage, bool) {
		ctx, cancel := context.WithTimeout(ctx, measureTimeout)
		defer cancel()
		u, asked, err := mounts.Measure(ctx, pod, volume)
		if err != nil {
			klog.FromContext(ctx).V(2).Info("Cannot learn how full the volume is", "uid", pod, "volume", volume, "err", err)
		}
		return u, asked
	}
}

// registerPlugins takes in the plugins that are on the node or come, until ctx ends.
func registerPlugins(ctx context.Context, root string, drivers *csi.Drivers, plugged *devices.Manager) {
	log := klog.FromContext(ctx)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := drivers.Announce(ctx)
		if err == nil || ctx.Err() != nil {
			break
		}
		log.Info("Cannot make the node's CSINode", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	w := &plugins.Watcher{Dir: filepath.Join(root, "plugins_registry"), Handlers: map[string]plugins.Handler{
		registration.CSIPlugin: drivers, registration.DevicePlugin: plugged,
	}}
	if err := w.Run(ctx); err != nil {
		log.Error(err, "Plugins cannot register any more")
	}
}

// reportDevices tells the API server at once when the node's devices change.
func reportDevices(ctx context.Context, self *node.Self, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			if err := self.Report(ctx); err != nil {
				// It is said the next time that the node is looked at.
				klog.FromContext(ctx).Info("Cannot report the node's devices", "err", err)
			}
		}
	}
}
