// Package plugins finds the plugins that register themselves with the kubelet, by sockets in a directory that it
// watches (docs: concepts/extend-kubernetes/compute-storage-net/device-plugins, and pluginregistration/v1 of
// k8s.io/kubelet).
package plugins

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

const (
	// firstPause is the one after a registration failed for the first time; each further one is twice as long, up to
	// longestPause.
	firstPause   = 20 * time.Millisecond
	longestPause = time.Minute
)

// Plugin is one that registered itself.
type Plugin struct {
	// Type is CSIPlugin, DevicePlugin or DRAPlugin; Name is the plugin's own.
	Type, Name string
	// Endpoint is the socket that the plugin serves at.
	Endpoint string
	// Versions are those of the plugin's API that it supports.
	Versions []string
}

// Handler has to do with plugins of one type. Calls for one plugin are one after the other; calls for several may be
// at the same time.
type Handler interface {
	// Register takes the plugin in. The plugin is told the error, and asked again later. A plugin of the same name
	// may be known already: one that was started anew.
	Register(context.Context, Plugin) error
	// Unregister lets a plugin go whose socket is gone.
	Unregister(context.Context, Plugin)
}

// Watcher registers the plugins whose sockets are in Dir, and lets them go when their sockets do. Sockets that were there before
// count like those that come.
type Watcher struct {
	Dir string
	// Handlers are by the plugins' type.
	Handlers map[string]Handler
}

// socket is one that is being taken care of.
type socket struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Run watches until ctx ends. Plugins stay registered then.
func (w *Watcher) Run(ctx context.Context) error {
	if err := os.MkdirAll(w.Dir, 0o750); err != nil {
		return err
	}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.Dir, err)
	}
	defer events.Close()
	var group sync.WaitGroup
	defer group.Wait()
	known, served := map[string]identity{}, map[string]*socket{}
	for {
		// Before looking, so that nothing is missed that comes meanwhile.
		for _, dir := range directories(w.Dir) {
			if err := events.Add(dir); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("watch %s: %w", dir, err)
			}
		}
		found, err := sockets(w.Dir)
		if err != nil {
			return err
		}
		gone, fresh := changes(known, found)
		before := map[string]*socket{}
		for _, path := range gone {
			served[path].cancel()
			before[path] = served[path]
			delete(served, path)
		}
		for _, path := range fresh {
			life, cancel := context.WithCancel(ctx)
			s := &socket{cancel: cancel, done: make(chan struct{})}
			served[path] = s
			group.Go(func() {
				defer close(s.done)
				if last := before[path]; last != nil {
					<-last.done
				}
				w.serve(ctx, life, path)
			})
		}
		known = found
		select {
		case <-ctx.Done():
			return nil
		case <-events.Events:
		case err := <-events.Errors:
			// Events were lost; what is there tells what happened.
			klog.FromContext(ctx).V(2).Info("Watching plugins", "err", err)
		}
	}
}

// serve registers the plugin at the socket, which may not be listening yet, and lets it go when life ends and
// ctx does not.
func (w *Watcher) serve(ctx, life context.Context, path string) {
	log := klog.FromContext(ctx)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		plugin, err := w.register(life, path)
		if err == nil {
			log.Info("Plugin registered", "type", plugin.Type, "name", plugin.Name, "socket", path)
			<-life.Done()
			if ctx.Err() == nil {
				w.Handlers[plugin.Type].Unregister(ctx, plugin)
				log.Info("Plugin unregistered", "type", plugin.Type, "name", plugin.Name, "socket", path)
			}
			return
		}
		log.V(2).Info("Cannot register a plugin", "socket", path, "err", err)
		select {
		case <-life.Done():
			return
		case <-time.After(pause):
		}
	}
}
