// Package volumes makes the volumes of pods on the node, keeps their content up to date, and
// removes them.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
	"github.com/etalon-dev/etalon/reference/kubelet/removal"
)

// Manager keeps the volumes of the node's pods, below root/pods/<uid>.
type Manager struct {
	// Claims finds what claims are bound to; without it there are no persistent volumes.
	Claims Claims
	// Plugins make persistent volumes available. The first that handles a source is taken.
	Plugins []Plugin
	// Node returns the node as last seen.
	Node func() *v1.Node
	// Trust finds ClusterTrustBundles.
	Trust Trust
	// Certificates are the pods' own.
	Certificates Certificates
	// ReportInUse brings InUse to the API server.
	ReportInUse func(context.Context) error

	root   string
	tokens Tokens

	mu sync.Mutex
	// busy are the persistent volumes that someone works on.
	busy map[string]chan struct{}
}

// New returns a Manager with its directories below root, and the plugins that need nobody else.
func New(root string, tokens Tokens) *Manager {
	return &Manager{root: root, tokens: tokens, Plugins: []Plugin{hostPathPlugin{}, localPlugin{}}, busy: map[string]chan struct{}{}}
}

// Failure says which volume could not be made.
type Failure struct {
	Volume string
	// Block tells that it was to be a device.
	Block bool
	// Operation tells what failed, as "MountVolume.MountDevice failed"; without it SetUp did.
	Operation string
	Err       error
}

// Error is worded as the event FailedMount shows it.
func (f *Failure) Error() string {
	if f.Operation != "" {
		return fmt.Sprintf("%s for volume %q : %v", f.Operation, f.Volume, f.Err)
	}
	if f.Block {
		return fmt.Sprintf("MapVolume.SetUpDevice failed for volume %q : %v", f.Volume, f.Err)
	}
	return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", f.Volume, f.Err)
}

// PodDir is where everything of a pod is on the node.
func (m *Manager) PodDir(uid types.UID) string { return filepath.Join(m.root, "pods", string(uid)) }

// EmptyDir is where the pod's emptyDir volume of that name is.
func (m *Manager) EmptyDir(uid types.UID, name string) string {
	return m.dir(uid, &v1.Volume{Name: name, VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}})
}

// Forget drops what is kept in memory of a pod that is gone.
func (m *Manager) Forget(uid types.UID) {
	if c, ok := m.tokens.(*TokenCache); ok {
		c.Forget(uid)
	}
	if c, ok := m.Certificates.(*CertificateCache); ok {
		c.Forget(uid)
	}
}

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
// at any time and changes only what differs. The error joins one for each volume that could not
// be made; each is worded as the event FailedMount shows it.
func (m *Manager) Mount(ctx context.Context, src env.Source) error {
	failures := map[string]error{}
	for i := range src.Pod.Spec.Volumes {
		v := &src.Pod.Spec.Volumes[i]
		if recorded(src.Pod, v) {
			if err := m.persistent(ctx, src.Pod, v); err != nil {
				failures[v.Name] = err
			}
		} else if err := m.mount(ctx, src, v); err != nil {
			failures[v.Name] = &Failure{Volume: v.Name, Err: err}
		}
	}
	return gather(failures)
}

// Remove unmounts and removes everything of the pod. It goes by what is on the node alone.
func (m *Manager) Remove(ctx context.Context, uid types.UID) error {
	if err := m.tearDown(ctx, uid); err != nil {
		return err
	}
	dir := m.PodDir(uid)
	if err := unmountBelow(dir); err != nil {
		return err
	}
	return removal.Tree(dir)
}

func (m *Manager) mount(ctx context.Context, src env.Source, v *v1.Volume) error {
	pod := src.Pod
	payload, written, err := contents{src, m.tokens, m.Trust, m.Certificates}.of(ctx, v)
	if err != nil {
		return err
	}
	group, onMismatch := fsGroup(pod)
	if written {
		dir, err := m.directory(pod, v)
		if err != nil {
			return err
		}
		if v.ConfigMap == nil {
			// Nothing of a secret may stay on a disk; annotations may be secrets, too.
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
	case v.Image != nil:
		// The runtime mounts it, into each container that wants it.
		return nil
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
	if _, err := os.Stat(dir); err == nil && (v.EmptyDir.Medium == v1.StorageMediumDefault || isMount(dir)) {
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
		size, err := hugePageSize(pod, v.EmptyDir)
		if err != nil {
			return err
		}
		if err := hugetlbfs(dir, size); err != nil {
			return err
		}
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

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
