package stats

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// diskFresh is how long what the runtime says of its file systems is told again: it looks every 10 s itself.
	diskFresh = 10 * time.Second
	// volumeFresh is how long the size of a volume is, which is counted file by file.
	volumeFresh = time.Minute
)

// Space is what a file system has.
type Space struct{ Capacity, Available, Inodes, InodesFree uint64 }

// Occupied is what part of a file system something takes.
type Occupied struct {
	At            time.Time
	Bytes, Inodes uint64
}

// Disks is what is stored where.
type Disks struct {
	At time.Time
	// Node is the file system of the agent's directory, Images and Layers those of the runtime.
	Node, Images, Layers Space
	// ImagesUsed is what images take, LayersUsed what containers have written.
	ImagesUsed, LayersUsed Occupied
	// Written is what each container has written into its own layer.
	Written map[string]Occupied
}

type volumeKey struct {
	pod  types.UID
	name string
}

// Volume is one that the agent made.
type Volume struct {
	Name, Plugin string
	// Mounted says that it has a file system of its own, Claimed that it outlives the pod: neither takes of the node's.
	Mounted, Claimed bool
	Space            Space
	Used             Occupied
	// BytesOnly says that nothing is known of its inodes, unknown that nothing at all is.
	BytesOnly, unknown bool
}

// disks remembers what is expensive to find out.
type disks struct {
	mu      sync.Mutex
	last    *Disks
	volumes map[volumeKey]Volume
}

// Disks asks the runtime and the kernel.
func (c *Collector) Disks(ctx context.Context) (*Disks, error) {
	c.disks.mu.Lock()
	defer c.disks.mu.Unlock()
	if last := c.disks.last; last != nil && time.Since(last.At) < diskFresh {
		return last, nil
	}
	d := &Disks{At: time.Now(), Written: map[string]Occupied{}}
	var err error
	if d.Node, err = SpaceOf(c.RootDir); err != nil {
		return nil, err
	}
	info, err := c.ImageFS(ctx)
	if err != nil {
		return nil, fmt.Errorf("file system of images: %w", err)
	}
	d.Images, d.ImagesUsed = usageOf(info.GetImageFilesystems())
	d.Layers, d.LayersUsed = d.Images, Occupied{At: d.At}
	if own := info.GetContainerFilesystems(); len(own) > 0 {
		d.Layers, _ = usageOf(own)
	}
	list, err := c.Runtime.ListContainerStats(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("containers' own layers: %w", err)
	}
	for _, k := range list {
		if w := k.GetWritableLayer(); w != nil {
			o := Occupied{At: time.Unix(0, w.GetTimestamp()), Bytes: w.GetUsedBytes().GetValue(), Inodes: w.GetInodesUsed().GetValue()}
			d.Written[k.GetAttributes().GetId()] = o
			d.LayersUsed.Bytes += o.Bytes
			d.LayersUsed.Inodes += o.Inodes
		}
	}
	c.disks.last = d
	return d, nil
}

func usageOf(list []*criv1.FilesystemUsage) (Space, Occupied) {
	if len(list) == 0 {
		return Space{}, Occupied{}
	}
	f := list[0]
	space, _ := SpaceOf(f.GetFsId().GetMountpoint())
	return space, Occupied{At: time.Unix(0, f.GetTimestamp()), Bytes: f.GetUsedBytes().GetValue(), Inodes: f.GetInodesUsed().GetValue()}
}

// SpaceOf asks for the file system that a path is on.
func SpaceOf(path string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Space{}, fmt.Errorf("file system of %s: %w", path, err)
	}
	size := uint64(s.Bsize)
	return Space{Capacity: s.Blocks * size, Available: s.Bavail * size, Inodes: s.Files, InodesFree: s.Ffree}, nil
}

// Tree counts what a directory and all below it take on its file system: blocks, not lengths, and each file once
// however many names it has. It neither follows links nor enters other file systems; what disappears meanwhile
// counts as gone.
func Tree(dir string) (Occupied, error) {
	o := Occupied{At: time.Now()}
	var root unix.Stat_t
	if err := unix.Lstat(dir, &root); err != nil {
		return o, err
	}
	linked := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var s unix.Stat_t
		if err != nil || unix.Lstat(path, &s) != nil {
			return nil // gone, or not to be read
		}
		if s.Dev != root.Dev {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if s.Nlink > 1 && !d.IsDir() {
			if linked[s.Ino] {
				return nil
			}
			linked[s.Ino] = true
		}
		o.Bytes += uint64(s.Blocks) * 512
		o.Inodes++
		return nil
	})
	return o, err
}

// Volumes returns those of a pod that the agent made, by what is in the pod's directory.
func (c *Collector) Volumes(uid types.UID) []Volume {
	pod := filepath.Join(c.RootDir, "pods", string(uid))
	return append(c.volumesIn(uid, filepath.Join(pod, "volumes"), false), c.volumesIn(uid, filepath.Join(pod, "volumeDevices"), true)...)
}

func (c *Collector) volumesIn(uid types.UID, dir string, devices bool) []Volume {
	plugins, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []Volume
	claimed := c.Claimed(uid)
	for _, plugin := range plugins {
		names, err := os.ReadDir(filepath.Join(dir, plugin.Name()))
		if err != nil {
			continue
		}
		for _, name := range names {
			v := Volume{Name: name.Name(), Plugin: strings.TrimPrefix(plugin.Name(), "kubernetes.io~")}
			if own, is := claimed[v.Name]; is {
				v.Name, v.Claimed = own, true
			}
			path := filepath.Join(dir, plugin.Name(), name.Name())
			if devices {
				path = ""
			}
			if v, err = c.volume(volumeKey{uid, v.Name}, v, path); err == nil && !v.unknown {
				out = append(out, v)
			}
		}
	}
	return out
}

// volume completes what is known of a volume, a device if it has no directory. What it uses is counted file by file, unless
// it has a file system of its own or is somebody else's to count.
func (c *Collector) volume(key volumeKey, v Volume, dir string) (Volume, error) {
	c.disks.mu.Lock()
	old, known := c.disks.volumes[key]
	c.disks.mu.Unlock()
	if known && time.Since(old.Used.At) < volumeFresh {
		return old, nil
	}
	v, asked := c.asked(key.pod, v)
	switch {
	case !asked && dir == "":
		v.unknown, v.Used.At = true, time.Now()
	case !asked:
		var err error
		if v, err = look(v, dir); err != nil {
			return v, err
		}
	}
	c.disks.mu.Lock()
	defer c.disks.mu.Unlock()
	c.disks.volumes[key] = v
	return v, nil
}

// asked is the volume as who keeps it says; false if nobody is to be asked.
func (c *Collector) asked(pod types.UID, v Volume) (Volume, bool) {
	if c.Measure == nil || !v.Claimed {
		return v, false
	}
	u, asked := c.Measure(pod, v.Name)
	if !asked {
		return v, false
	}
	v.Used.At = time.Now()
	if u == nil {
		v.unknown = true
		return v, true
	}
	v.Space = Space{Capacity: u.Capacity, Available: u.Available, Inodes: u.Inodes, InodesFree: u.InodesFree}
	v.Used.Bytes, v.Used.Inodes, v.BytesOnly = u.Used, u.InodesUsed, !u.HasInodes
	return v, true
}

// look finds out what is in the volume at dir.
func look(v Volume, dir string) (Volume, error) {
	var err error
	if v.Space, err = SpaceOf(dir); err != nil {
		return v, err
	}
	if v.Mounted = mounted(dir); v.Mounted || v.Claimed {
		v.Used, err = whole(dir)
	} else {
		v.Used, err = Tree(dir)
	}
	return v, err
}

// whole is what is used of a file system that is the volume's alone.
func whole(dir string) (Occupied, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Occupied{}, err
	}
	return Occupied{At: time.Now(), Bytes: (s.Blocks - s.Bfree) * uint64(s.Bsize), Inodes: s.Files - s.Ffree}, nil
}

// mounted tells whether a file system begins at the directory.
func mounted(dir string) bool {
	var own, above unix.Stat_t
	return unix.Lstat(dir, &own) == nil && unix.Lstat(filepath.Dir(dir), &above) == nil && own.Dev != above.Dev
}

// forget drops what was counted of pods that do not run any more.
func (c *Collector) forget(running []Pod) {
	there := map[types.UID]bool{}
	for i := range running {
		there[running[i].Pod.UID] = true
	}
	c.disks.mu.Lock()
	defer c.disks.mu.Unlock()
	for key := range c.disks.volumes {
		if !there[key.pod] {
			delete(c.disks.volumes, key)
		}
	}
}
