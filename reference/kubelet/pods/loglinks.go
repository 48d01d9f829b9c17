package pods

import (
	"context"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/logs"
)

// logLinks is the directory beside that of the logs where those who collect logs look for them.
func (m *Manager) logLinks() string {
	return filepath.Join(filepath.Dir(m.Spec.LogsRoot), "containers")
}

// linkLog makes the log of an instance known there. An instance runs without that, too.
func (m *Manager) linkLog(ctx context.Context, pod *v1.Pod, container, id, path string) {
	if m.Spec.LogsRoot == "" {
		return
	}
	if err := logs.Link(m.logLinks(), pod.Name, pod.Namespace, container, id, path); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot link the container's log", "container", container)
	}
}

// unlinkLog forgets a log that is gone; an empty path stands for those of a whole pod.
func (m *Manager) unlinkLog(path string) error {
	if m.Spec.LogsRoot == "" {
		return nil
	}
	return logs.Unlink(m.logLinks(), path)
}
