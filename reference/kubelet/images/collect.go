package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// collectEvery is how often it is looked whether images take too much room.
const collectEvery = 5 * time.Minute

// stored is an image on the node.
type stored struct {
	id   string
	size int64
	// detected is when it was first seen here, used when a container or volume was last seen to need it.
	detected, used time.Time
	// needed: it must stay.
	needed bool
}

// Policy says which images go when (docs: concepts/architecture/garbage-collection#container-image-lifecycle).
type Policy struct {
	// High and Low are percent of the disk: above High images go until Low is reached.
	High, Low int64
	// MinAge protects an image that just came; MaxAge, if not 0, bounds how long one stays unused.
	MinAge, MaxAge time.Duration
}

// excess is how many bytes must go, 0 if the disk is not that full.
func (p Policy) excess(capacity, available int64) int64 {
	if capacity <= 0 || 100-int64(float64(available)*100/float64(capacity)) < p.High {
		return 0
	}
	return max(int64(float64(capacity)*float64(100-p.Low)/100)-available, 0)
}

// choose returns the images that go: those unused for too long, and those that were not used for the longest
// time until bytes are freed. What is needed stays, and what just came.
func (p Policy) choose(list []stored, bytes int64, now time.Time) []stored {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b stored) int {
		return cmp.Or(a.used.Compare(b.used), a.detected.Compare(b.detected))
	})
	var out []stored
	var freed int64
	for _, i := range list {
		old := p.MaxAge > 0 && now.Sub(later(i.used, i.detected)) > p.MaxAge
		if i.needed || now.Sub(i.detected) < p.MinAge || !old && freed >= bytes {
			continue
		}
		out = append(out, i)
		freed += i.size
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Collector removes images that nobody needs when the disk is full.
type Collector struct {
	Policy
	Service internalapi.ImageManagerService
	// Needed returns the ids and names of the images that containers and volumes have, or are about to.
	Needed   func(context.Context) (map[string]bool, error)
	Recorder record.EventRecorder
	// Node refers to the node in events.
	Node *v1.ObjectReference
	// Records forget the images that are gone. Optional.
	Records *Records

	mu   sync.Mutex
	seen map[string]stored
}

// Run collects every five minutes until ctx ends.
func (c *Collector) Run(ctx context.Context) {
	failed := false
	for {
		err := c.collect(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Image garbage collection failed")
			if failed {
				c.Recorder.Event(c.Node, v1.EventTypeWarning, "ImageGCFailed", err.Error())
			}
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(collectEvery):
		}
	}
}

// FreeUnused removes every image that nobody needs, but for those that just came.
func (c *Collector) FreeUnused(ctx context.Context) error {
	_, err := c.free(ctx, math.MaxInt64, time.Now())
	return err
}

// collect brings the disk down to the low threshold if it is above the high one.
func (c *Collector) collect(ctx context.Context, now time.Time) error {
	capacity, available, err := c.room(ctx)
	if err != nil {
		return err
	}
	if capacity == 0 {
		err := errors.New("invalid capacity 0 on image filesystem")
		c.Recorder.Event(c.Node, v1.EventTypeWarning, "InvalidDiskCapacity", err.Error())
		return err
	}
	wanted := c.excess(capacity, available)
	freed, err := c.free(ctx, wanted, now)
	if err != nil {
		return err
	}
	if freed < wanted {
		c.Recorder.Eventf(c.Node, v1.EventTypeWarning, "FreeDiskSpaceFailed",
			"Failed to garbage collect required amount of images. Attempted to free %d bytes, but only found %d bytes eligible to free.", wanted, freed)
		return fmt.Errorf("wanted to free %d bytes, but found %d bytes of images eligible to free", wanted, freed)
	}
	return nil
}

// room is how large the images' file system is and how much of it is free.
func (c *Collector) room(ctx context.Context) (capacity, available int64, err error) {
	info, err := c.Service.ImageFsInfo(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("failed to get image stats: %w", err)
	}
	if len(info.GetImageFilesystems()) == 0 {
		return 0, 0, errors.New("failed to get image stats: the runtime names no file system")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(info.GetImageFilesystems()[0].GetFsId().GetMountpoint(), &fs); err != nil {
		return 0, 0, fmt.Errorf("failed to get image stats: %w", err)
	}
	return int64(fs.Blocks) * fs.Bsize, int64(fs.Bavail) * fs.Bsize, nil
}

// free removes images of that many bytes, and returns how many bytes those had.
func (c *Collector) free(ctx context.Context, bytes int64, now time.Time) (freed int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.detect(ctx, now); err != nil {
		return 0, err
	}
	list := make([]stored, 0, len(c.seen))
	for _, i := range c.seen {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b stored) int { return cmp.Compare(a.id, b.id) })
	var failures []error
	for _, i := range c.choose(list, bytes, now) {
		klog.FromContext(ctx).Info("Removing an image that nobody needs", "image", i.id, "size", i.size)
		if err := removeImage(ctx, c.Service, i.id); err != nil {
			failures = append(failures, err)
			continue
		}
		delete(c.seen, i.id)
		freed += i.size
	}
	return freed, errors.Join(failures...)
}

// detect looks which images there are and who needs them.
func (c *Collector) detect(ctx context.Context, now time.Time) error {
	asked := time.Now()
	list, err := c.Service.ListImages(ctx, nil)
	if err != nil {
		return err
	}
	needed, err := c.Needed(ctx)
	if err != nil {
		return err
	}
	if c.Records != nil {
		ids := make([]string, len(list))
		for i := range list {
			ids[i] = list[i].Id
		}
		c.Records.Prune(ids, asked)
	}
	before := c.seen
	c.seen = map[string]stored{}
	for _, i := range list {
		s, known := before[i.Id]
		if !known {
			s = stored{id: i.Id, detected: now}
		}
		s.size = int64(i.Size)
		inUse := needed[i.Id]
		for _, name := range slices.Concat(i.RepoTags, i.RepoDigests) {
			inUse = inUse || needed[name]
		}
		if inUse {
			s.used = now
		}
		s.needed = inUse || i.Pinned
		c.seen[i.Id] = s
	}
	return nil
}

func removeImage(ctx context.Context, service internalapi.ImageManagerService, id string) error {
	if err := service.RemoveImage(ctx, &criv1.ImageSpec{Image: id}); err != nil && !runtime.IsNotFound(err) {
		return fmt.Errorf("remove image %s: %w", id, err)
	}
	return nil
}

// Wanted adds the names of the images that the pod's containers and volumes want.
func Wanted(pod *v1.Pod, to map[string]bool) {
	add := func(image string) {
		if name, err := normal(image); err == nil {
			to[name] = true
		}
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			add(list[i].Image)
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		add(pod.Spec.EphemeralContainers[i].Image)
	}
	for i := range pod.Spec.Volumes {
		if v := pod.Spec.Volumes[i].Image; v != nil {
			add(v.Reference)
		}
	}
}
