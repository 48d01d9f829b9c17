package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// Unprocessed says for which volumes it is not even known what they are: their claims are missing, or not bound.
type Unprocessed struct {
	// Unmounted are all volumes that are not there, Failed those that could not be looked up.
	Unmounted, Failed []string
	// Unattached are those that nobody has attached to the node.
	Unattached []string
	Err        error
}

// Error is worded as the event FailedMount shows it.
func (u *Unprocessed) Error() string {
	return fmt.Sprintf("Unable to attach or mount volumes: unmounted volumes=%v, unattached volumes=%v, failed to process volumes=%v: %v",
		u.Unmounted, u.Unattached, u.Failed, u.Err)
}

// Unattached is what a plugin returns when nobody has attached the volume to the node in time.
type Unattached struct{}

// Error says that it took too long.
func (*Unattached) Error() string { return context.DeadlineExceeded.Error() }

// unresolved wraps why a volume could not be looked up.
type unresolved struct{ error }

// persistent sets the volume of a claim up. What was set up before needs no word of the API server.
func (m *Manager) persistent(ctx context.Context, pod *v1.Pod, v *v1.Volume) error {
	r, err := m.record(pod.UID, v.Name)
	if err != nil {
		return err
	}
	if r == nil || r.Path == "" {
		if r, err = m.resolve(ctx, pod, v); err != nil {
			return unresolved{err}
		}
	}
	unlock := m.lock(r.key())
	defer unlock()
	plugin := m.plugin(r)
	if plugin == nil {
		return &Failure{Volume: r.Name, Err: errors.New("no volume plugin matched")}
	}
	if r.Path == "" {
		if err := m.check(r); err != nil {
			return err
		}
		if p, ok := plugin.(Preparer); ok {
			if err := p.Prepare(ctx, r); err != nil {
				return &Failure{Volume: r.Name, Block: r.Block(), Err: err}
			}
		}
		if err := m.save(r); err != nil {
			return &Failure{Volume: r.Name, Err: err}
		}
		if m.attached(r) && m.ReportInUse != nil {
			// Whoever detaches volumes must know that this one is in use before it is.
			if err := m.ReportInUse(ctx); err != nil {
				return &Failure{Volume: r.Name, Err: fmt.Errorf("reporting the volume as in use: %w", err)}
			}
		}
	}
	path, err := plugin.SetUp(ctx, r, m.volumeDir(r, plugin))
	if missing := (&Unattached{}); errors.As(err, &missing) {
		return err
	}
	if failure := (&Failure{}); errors.As(err, &failure) {
		return failure
	}
	if err != nil {
		return &Failure{Volume: r.Name, Block: r.Block(), Err: err}
	}
	if path == r.Path {
		return nil
	}
	r.Path = path
	return m.save(r)
}

// check tells why the node must not set the volume up for the pod.
func (m *Manager) check(r *Record) error {
	if m.Node != nil {
		if err := reachable(r, m.Node()); err != nil {
			return fmt.Errorf("MountVolume.NodeAffinity check failed for volume %q : %w", r.Name, err)
		}
	}
	if !r.oncePod() {
		return nil
	}
	others, err := m.users(r)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(others, func(o *Record) bool { return o.Path != "" }) {
		return &Failure{Volume: r.Name, Err: errors.New("volume uses the ReadWriteOncePod access mode and is already in use by another pod")}
	}
	return nil
}

// users returns the records that other pods of the node have of the same volume.
func (m *Manager) users(r *Record) ([]*Record, error) {
	all, err := m.records("*")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(o *Record) bool { return !o.same(r) || o.Pod == r.Pod }), nil
}

// tearDown gives the pod's persistent volumes back.
func (m *Manager) tearDown(ctx context.Context, pod types.UID) error {
	mine, err := m.records(string(pod))
	if err != nil {
		return err
	}
	var failures []error
	for _, r := range mine {
		if err := m.release(ctx, r); err != nil {
			failures = append(failures, fmt.Errorf("UnmountVolume.TearDown failed for volume %q : %w", r.Name, err))
		} else if m.attached(r) && m.ReportInUse != nil && !slices.Contains(m.InUse(), m.plugin(r).(Attachable).UniqueName(r)) {
			// Others wait for it to be detached. Should the report fail, the next one tells.
			if err := m.ReportInUse(ctx); err != nil {
				klog.FromContext(ctx).V(2).Info("Cannot report that the volume is not in use", "volume", r.Name, "err", err)
			}
		}
	}
	return errors.Join(failures...)
}

func (m *Manager) release(ctx context.Context, r *Record) error {
	unlock := m.lock(r.key())
	defer unlock()
	plugin := m.plugin(r)
	if plugin == nil {
		return errors.New("no volume plugin matched")
	}
	others, err := m.users(r)
	if err != nil {
		return err
	}
	// The pod may have the volume under two names.
	mine, err := m.records(string(r.Pod))
	if err != nil {
		return err
	}
	twice := slices.ContainsFunc(mine, func(o *Record) bool { return o.same(r) && o.Volume != r.Volume })
	if !twice {
		if err := plugin.TearDown(ctx, r, m.volumeDir(r, plugin), len(others) == 0); err != nil {
			return err
		}
	}
	return os.Remove(m.recordFile(r.Pod, r.Volume))
}

// attached tells whether the volume is one that others attach to the node.
func (m *Manager) attached(r *Record) bool {
	a, ok := m.plugin(r).(Attachable)
	return ok && a.UniqueName(r) != ""
}

// InUse returns how the node's status names the volumes that it must not lose, in order.
func (m *Manager) InUse() []v1.UniqueVolumeName {
	all, err := m.records("*")
	if err != nil {
		return nil
	}
	var out []v1.UniqueVolumeName
	for _, r := range all {
		if a, ok := m.plugin(r).(Attachable); ok && a.UniqueName(r) != "" {
			out = append(out, a.UniqueName(r))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Uses tells whether a pod of the node uses the PersistentVolume of that name.
func (m *Manager) Uses(name string) (bool, error) {
	all, err := m.records("*")
	return slices.ContainsFunc(all, func(r *Record) bool { return r.Name == name }), err
}

func (m *Manager) plugin(r *Record) Plugin {
	for _, p := range m.Plugins {
		if p.Handles(&r.Spec.PersistentVolumeSource) {
			return p
		}
	}
	return nil
}

// volumeDir is where a plugin mounts the volume for the pod, or keeps what it needs for a device.
func (m *Manager) volumeDir(r *Record, p Plugin) string {
	kind := "volumes"
	if r.Block() {
		kind = "volumeDevices"
	}
	return filepath.Join(m.PodDir(r.Pod), kind, escape(p.Name()), r.Name)
}

// lock makes the caller the only one who works on the volume.
func (m *Manager) lock(name string) (unlock func()) {
	m.mu.Lock()
	for m.busy[name] != nil {
		wait := m.busy[name]
		m.mu.Unlock()
		<-wait
		m.mu.Lock()
	}
	done := make(chan struct{})
	m.busy[name] = done
	m.mu.Unlock()
	return func() {
		m.mu.Lock()
		delete(m.busy, name)
		m.mu.Unlock()
		close(done)
	}
}

// gather sorts out what went wrong with a pod's volumes: what could not be looked up is told in one message.
func gather(failures map[string]error) error {
	var out []error
	u := &Unprocessed{}
	var texts []string
	for _, name := range sortedKeys(failures) {
		err := failures[name]
		u.Unmounted = append(u.Unmounted, name)
		if why := (unresolved{}); errors.As(err, &why) {
			u.Failed = append(u.Failed, name)
			texts = append(texts, why.Error())
			continue
		}
		if missing := (&Unattached{}); errors.As(err, &missing) {
			u.Unattached = append(u.Unattached, name)
			texts = append(texts, err.Error())
			continue
		}
		out = append(out, err)
	}
	if len(texts) > 0 {
		slices.Sort(texts)
		texts = slices.Compact(texts)
		u.Err = errors.New(strings.Join(texts, "; "))
		out = append(out, u)
	}
	return errors.Join(out...)
}
