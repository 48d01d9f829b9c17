// Package volumes makes the volumes of pods on the node, keeps their content up to date, and
// removes them.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
)

// Manager keeps the volumes of the node's pods, below root/pods/<uid>.
type Manager struct {
	root   string
	tokens Tokens
}

// New returns a Manager with its directories below root.
func New(root string, tokens Tokens) *Manager { return &Manager{root: root, tokens: tokens} }

// Failure says which volume could not be made.
type Failure struct {
	Volume string
	Err    error
}

// Error is worded as the event FailedMount shows it.
func (f *Failure) Error() string {
	return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", f.Volume, f.Err)
}

// PodDir is where everything of a pod is on the node.
func (m *Manager) PodDir(uid types.UID) string { return filepath.Join(m.root, "pods", string(uid)) }

// Pods returns the pods that have a directory.
func (m *Manager) Pods() ([]types.UID, error) {
	entries, err := os.ReadDir(filepath.Join(m.root, "pods"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var uids []types.UID
	for _, e := range entries {
		uids = append(uids, types.UID(e.Name()))
	}
	return uids, err
}

// Mount makes all of the pod's volumes and brings their content up to date. It may be called
// at any time and changes only what differs. The error joins a *Failure for each volume that
// could not be made.
func (m *Manager) Mount(ctx context.Context, src env.Source) error {
	var failures []error
	for i := range src.Pod.Spec.Volumes {
		v := &src.Pod.Spec.Volumes[i]
		if err := m.mount(ctx, src, v); err != nil {
			failures = append(failures, &Failure{Volume: v.Name, Err: err})
		}
	}
	return errors.Join(failures...)
}

// Remove unmounts and removes everything of the pod.
func (m *Manager) Remove(uid types.UID) error {
	dir := m.PodDir(uid)
	if err := unmountBelow(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func (m *Manager) mount(ctx context.Context, src env.Source, v *v1.Volume) error {
	pod := src.Pod
	payload, written, err := contents{src, m.tokens}.of(ctx, v)
	if err != nil {
		return err
	}
	group, onMismatch := fsGroup(pod)
	if written {
		dir, err := m.directory(pod, v)
		if err != nil {
			return err
		}
		if v.Secret != nil || v.Projected != nil {
			// Nothing of a secret may stay on a disk.
			if err := tmpfs(dir, 0); err != nil {
				return err
			}
		}
		if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
			return err
		}
		return write(dir, payload, group)
	}
	switch {
	case v.EmptyDir != nil:
		return m.emptyDir(pod, v, group, onMismatch)
	case v.HostPath != nil:
		return hostPath(v.HostPath)
	default:
		return errors.New("no volume plugin matched")
	}
}

// emptyDir makes the directory once; afterwards it is the containers'.
func (m *Manager) emptyDir(pod *v1.Pod, v *v1.Volume, group *int64, onMismatch bool) error {
	dir := m.dir(pod.UID, v)
	if _, err := os.Stat(dir); err == nil && (v.EmptyDir.Medium != v1.StorageMediumMemory || isMount(dir)) {
		return nil
	}
	if _, err := m.directory(pod, v); err != nil {
		return err
	}
	switch v.EmptyDir.Medium {
	case v1.StorageMediumDefault:
	case v1.StorageMediumMemory:
		if err := tmpfs(dir, memoryLimit(pod, v.EmptyDir)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("storage medium %q is not supported", v.EmptyDir.Medium)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return err
	}
	if group != nil {
		return giveTo(dir, *group, onMismatch)
	}
	return nil
}

// memoryLimit is the size of an emptyDir in memory: its own limit, else what the pod's
// containers may use in sum, since they pay for it.
func memoryLimit(pod *v1.Pod, e *v1.EmptyDirVolumeSource) int64 {
	var sum int64
	for i := range pod.Spec.Containers {
		limit := pod.Spec.Containers[i].Resources.Limits.Memory().Value()
		if limit == 0 {
			sum = 0
			break
		}
		sum += limit
	}
	if e.SizeLimit == nil || e.SizeLimit.IsZero() {
		return sum
	}
	if own := e.SizeLimit.Value(); sum == 0 || own < sum {
		return own
	}
	return sum
}

func fsGroup(pod *v1.Pod) (*int64, bool) {
	sc := pod.Spec.SecurityContext
	if sc == nil {
		return nil, false
	}
	policy := sc.FSGroupChangePolicy
	return sc.FSGroup, policy != nil && *policy == v1.FSGroupChangeOnRootMismatch
}

// directory makes the volume's directory.
func (m *Manager) directory(pod *v1.Pod, v *v1.Volume) (string, error) {
	dir := m.dir(pod.UID, v)
	return dir, os.MkdirAll(dir, 0o750)
}

// dir is the volume's directory; a hostPath volume is the path itself.
func (m *Manager) dir(uid types.UID, v *v1.Volume) string {
	if v.HostPath != nil {
		return v.HostPath.Path
	}
	return filepath.Join(m.PodDir(uid), "volumes", escape("kubernetes.io/"+plugin(v)), v.Name)
}

func plugin(v *v1.Volume) string {
	switch {
	case v.ConfigMap != nil:
		return "configmap"
	case v.Secret != nil:
		return "secret"
	case v.DownwardAPI != nil:
		return "downward-api"
	case v.Projected != nil:
		return "projected"
	default:
		return "empty-dir"
	}
}
