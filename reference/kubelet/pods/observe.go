package pods

import (
	"context"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/logs"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
)

// The limits of a termination message (docs: debug-application/determine-reason-pod-failure).
const (
	maxMessage      = 4096
	maxMessageLogs  = 2048
	maxMessageLines = 80
)

// see takes over what the runtime says, completed by what only the node's files tell.
func (w *worker) see(state *runtime.Pod) {
	w.mu.Lock()
	for i := range state.Containers {
		if c := &state.Containers[i]; c.State == runtime.StateRunning && w.hooked[c.ID] {
			c.State = runtime.StateCreated
		}
	}
	w.mu.Unlock()
	for i := range state.Containers {
		c := &state.Containers[i]
		if c.State != runtime.StateExited {
			continue
		}
		if _, known := w.messages[c.ID]; !known {
			w.messages[c.ID] = message(c)
		}
		if m := w.messages[c.ID]; m != "" {
			c.Message = m
		}
	}
	w.state = state
}

// message is what the container left in its termination message file, or at the end of its log.
func message(c *runtime.Container) string {
	text := ""
	if c.MessagePath != "" {
		if b, err := os.ReadFile(c.MessagePath); err == nil {
			text = string(b[:min(len(b), maxMessage)])
		}
	}
	if text == "" && c.MessageFromLogs && c.ExitCode != 0 && c.LogPath != "" {
		var b strings.Builder
		if err := logs.Read(context.Background(), c.LogPath, logs.Options{Tail: ptr.To(int64(maxMessageLines))}, nil, &b); err == nil {
			text = b.String()
			text = text[max(0, len(text)-maxMessageLogs):]
		}
	}
	return text
}

// address is the pod's primary address, empty if it has none yet.
func (w *worker) address() string {
	if w.pod.Spec.HostNetwork {
		return first(w.m.HostIPs)
	}
	if s := w.state.Sandbox(); s != nil {
		return first(s.IPs)
	}
	return ""
}

// logDir is the directory of the pod's logs, empty if the pod's name is not known.
func (w *worker) logDir() string {
	if w.pod.Name == "" {
		return ""
	}
	return spec.LogDirectory(w.m.Spec.LogsRoot, w.pod.Namespace, w.pod.Name, string(w.pod.UID))
}

// logged returns the pods that have logs on the node, read from their directories' names.
func (m *Manager) logged() map[types.UID]runtime.Identity {
	out := map[types.UID]runtime.Identity{}
	entries, err := os.ReadDir(m.Spec.LogsRoot)
	if err != nil {
		return out
	}
	for _, e := range entries {
		// Neither part can have an underscore.
		if parts := strings.Split(e.Name(), "_"); len(parts) == 3 {
			uid := types.UID(parts[2])
			out[uid] = runtime.Identity{UID: uid, Namespace: parts[0], Name: parts[1]}
		}
	}
	return out
}
