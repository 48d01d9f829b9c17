package volumes

import (
	"context"
	"fmt"
	"os"
	"syscall"

	v1 "k8s.io/api/core/v1"
)

// hostPathPlugin gives pods a directory or file of the node as it is (docs: concepts/storage/volumes#hostpath).
type hostPathPlugin struct{}

func (hostPathPlugin) Name() string                              { return "kubernetes.io/host-path" }
func (hostPathPlugin) Handles(s *v1.PersistentVolumeSource) bool { return s.HostPath != nil }

func (hostPathPlugin) SetUp(_ context.Context, r *Record, _ string) (string, error) {
	if r.Block() {
		return "", fmt.Errorf("hostPath volumes do not support volumeMode %s", v1.PersistentVolumeBlock)
	}
	h := r.Spec.HostPath
	if err := hostPath(h); err != nil {
		return "", err
	}
	if h.Type == nil || *h.Type == v1.HostPathUnset {
		if err := makeMissing(h.Path); err != nil {
			return "", err
		}
	}
	return h.Path, nil
}

func (hostPathPlugin) TearDown(context.Context, *Record, string, bool) error { return nil }

// localPlugin gives pods a file system, directory or block device of the node (docs: concepts/storage/volumes#local).
type localPlugin struct{}

func (localPlugin) Name() string                              { return "kubernetes.io/local-volume" }
func (localPlugin) Handles(s *v1.PersistentVolumeSource) bool { return s.Local != nil }

func (localPlugin) SetUp(_ context.Context, r *Record, dir string) (string, error) {
	path := r.Spec.Local.Path
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("path %q does not exist", path)
	}
	if r.Block() {
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Mode&syscall.S_IFMT != syscall.S_IFBLK {
			return "", fmt.Errorf("path %q is not a block device", path)
		}
		return path, nil
	}
	if !info.IsDir() {
		return "", fmt.Errorf("path %q is not a directory: only directories can be mounted as local volumes here", path)
	}
	if err := bindDir(path, dir); err != nil {
		return "", err
	}
	if r.FSGroup != nil && !r.ReadOnly && r.Path == "" {
		if err := giveTo(dir, *r.FSGroup, r.OnRootMismatch); err != nil {
			return "", fmt.Errorf("applyFSGroup failed for vol %s: %w", r.Name, err)
		}
	}
	return dir, nil
}

func (localPlugin) TearDown(_ context.Context, r *Record, dir string, _ bool) error {
	if r.Block() {
		return nil
	}
	if err := unmountBelow(dir); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
