package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

// Runtime is what a Rotator needs of the container runtime.
type Runtime interface {
	ListContainers(ctx context.Context, filter *criv1.ContainerFilter) ([]*criv1.Container, error)
	ContainerStatus(ctx context.Context, id string, verbose bool) (*criv1.ContainerStatusResponse, error)
	ReopenContainerLog(ctx context.Context, id string) error
}

// Policy bounds the logs of one container.
type Policy struct {
	// MaxSize is how large a file may be when it is looked at, MaxFiles how many there are at most.
	MaxSize  int64
	MaxFiles int
	// Interval is how often files are looked at, Workers how many are rotated at the same time.
	Interval time.Duration
	Workers  int
}

// Rotator keeps the logs of all running containers within the policy.
type Rotator struct {
	Runtime Runtime
	Policy  Policy
	// paths are the logs of the containers that ran at the last look, by the container's id.
	paths map[string]string
}

// Run looks now and then until ctx ends.
func (r *Rotator) Run(ctx context.Context) {
	ticker := time.NewTicker(r.Policy.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.look(ctx, now)
		}
	}
}

// look rotates what has grown too large.
func (r *Rotator) look(ctx context.Context, now time.Time) {
	log := klog.FromContext(ctx)
	running, err := r.Runtime.ListContainers(ctx, &criv1.ContainerFilter{
		State: &criv1.ContainerStateValue{State: criv1.ContainerState_CONTAINER_RUNNING}})
	if err != nil {
		log.V(2).Info("Cannot list containers to rotate their logs", "err", err)
		return
	}
	paths := make(map[string]string, len(running))
	var group sync.WaitGroup
	slots := make(chan struct{}, max(r.Policy.Workers, 1))
	for _, c := range running {
		path := r.paths[c.Id]
		if path == "" {
			status, err := r.Runtime.ContainerStatus(ctx, c.Id, false)
			if err != nil || status.GetStatus().GetLogPath() == "" {
				continue
			}
			path = status.GetStatus().GetLogPath()
		}
		paths[c.Id] = path
		info, err := os.Stat(path)
		if err == nil && info.Size() < r.Policy.MaxSize || err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := r.rotate(ctx, c.Id, path, now); err != nil && ctx.Err() == nil {
				log.Error(err, "Cannot rotate a container's log", "container", c.Id, "path", path)
			}
		})
	}
	group.Wait()
	r.paths = paths
}

// rotate gives the container a new log. One that is missing was renamed by an agent that ended before it could tell
// the runtime.
func (r *Rotator) rotate(ctx context.Context, id, path string, now time.Time) error {
	if err := tidy(path, r.Policy.MaxFiles); err != nil {
		return err
	}
	to := path + "." + now.UTC().Format(stamp)
	if _, err := os.Lstat(to); err == nil {
		return nil // rotated within this second
	}
	renamed := true
	if err := os.Rename(path, to); errors.Is(err, fs.ErrNotExist) {
		renamed = false
	} else if err != nil {
		return err
	}
	err := r.Runtime.ReopenContainerLog(ctx, id)
	if err != nil && renamed {
		// Nothing writes to a new file yet: as it was.
		err = errors.Join(err, os.Rename(to, path))
	}
	return err
}

// tidy removes and compresses rotated files to make room for one more, and what an agent left that was ended at it.
func tidy(path string, keep int) error {
	halves, err := filepath.Glob(globbed(path) + ".*" + unwritten)
	if err != nil {
		return err
	}
	for _, half := range halves {
		if err := os.Remove(half); err != nil {
			return err
		}
	}
	files, err := rotations(path)
	if err != nil {
		return err
	}
	remove, compress := excess(files, keep)
	for _, file := range remove {
		// Both forms are there if an agent ended between writing the one and removing the other.
		for _, form := range []string{strings.TrimSuffix(file, gzipped), strings.TrimSuffix(file, gzipped) + gzipped} {
			if err := os.Remove(form); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	for _, file := range compress {
		if err := squeeze(file); err != nil {
			return fmt.Errorf("compress %s: %w", file, err)
		}
	}
	return nil
}

// squeeze replaces the file by a compressed one of the same age.
func squeeze(file string) (err error) {
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	half := file + unwritten
	to, err := os.OpenFile(half, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			to.Close()
			os.Remove(half)
		}
	}()
	z := gzip.NewWriter(to)
	if _, err := io.Copy(z, from); err != nil {
		return err
	}
	if err := errors.Join(z.Close(), to.Close()); err != nil {
		return err
	}
	if err := os.Chtimes(half, info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	if err := os.Rename(half, file+gzipped); err != nil {
		return err
	}
	return os.Remove(file)
}
