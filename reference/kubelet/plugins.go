package kubelet

import (
	"context"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/csi"
	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
)

// registerPlugins takes in the plugins that are on the node or come, until ctx ends.
func registerPlugins(ctx context.Context, root string, drivers *csi.Drivers) {
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
		registration.CSIPlugin: drivers,
	}}
	if err := w.Run(ctx); err != nil {
		log.Error(err, "Plugins cannot register any more")
	}
}
