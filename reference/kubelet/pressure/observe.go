package pressure

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
)

// Places are where a node's files are.
type Places struct {
	// Proc and Cgroup are the kernel's.
	Proc, Cgroup string
	// Root is on the node's own file system, Images where the runtime keeps images and containers' layers.
	Root, Images string
	// PodsMemory is what all pods together may use, 0 if that is not bounded.
	PodsMemory int64
}

// Observe reads how much there is of everything that may run short. What cannot be read is left out.
func (p Places) Observe() map[eviction.Signal]eviction.Observation {
	out := map[eviction.Signal]eviction.Observation{}
	if o, ok := p.memory(); ok {
		out[eviction.MemoryAvailable] = o
	}
	if used, ok := workingSet(p.Cgroup, cgroups.Root); ok && p.PodsMemory > 0 {
		out[eviction.AllocatableMemoryAvailable] = eviction.Observation{Available: p.PodsMemory - used, Capacity: p.PodsMemory}
	}
	if o, ok := p.processes(); ok {
		out[eviction.PIDAvailable] = o
	}
	disk(p.Root, out, eviction.NodeFsAvailable, eviction.NodeFsInodesFree)
	disk(p.Images, out, eviction.ImageFsAvailable, eviction.ImageFsInodesFree)
	disk(p.Images, out, eviction.ContainerFsAvailable, eviction.ContainerFsInodesFree)
	return out
}

// Separate tells whether images and containers have a file system of their own.
func (p Places) Separate() bool {
	var a, b unix.Stat_t
	return p.Images != "" && unix.Stat(p.Root, &a) == nil && unix.Stat(p.Images, &b) == nil && a.Dev != b.Dev
}

func disk(path string, out map[eviction.Signal]eviction.Observation, space, files eviction.Signal) {
	var fs unix.Statfs_t
	if path == "" || unix.Statfs(path, &fs) != nil {
		return
	}
	out[space] = eviction.Observation{Available: int64(fs.Bavail) * fs.Bsize, Capacity: int64(fs.Blocks) * fs.Bsize}
	out[files] = eviction.Observation{Available: int64(fs.Ffree), Capacity: int64(fs.Files)}
}

// memory is the capacity without the working set (docs: node-pressure-eviction#eviction-signals): what is used but
// for pages of files that were not used of late. A node may be a part of a machine, in a control group of its own, with
// others beside it: then it has what its group's working set leaves, but no more than the kernel says can be had, which counts
// what other parts read from disks as free.
func (p Places) memory() (eviction.Observation, bool) {
	text, err := os.ReadFile(filepath.Join(p.Proc, "meminfo"))
	if err != nil {
		return eviction.Observation{}, false
	}
	m := fields(string(text))
	total := m["MemTotal:"] << 10
	used := total - (m["MemFree:"]+m["Inactive(file):"])<<10
	if own, ok := workingSet(p.Cgroup, "/"); ok {
		used = own
		if free, ok := m["MemAvailable:"]; ok {
			used = max(used, total-free<<10)
		}
	}
	return eviction.Observation{Available: max(total-max(used, 0), 0), Capacity: total}, total > 0
}

// workingSet is the memory of a control group and those below it without pages of files that were not used of late.
func workingSet(mount, group string) (int64, bool) {
	for _, v := range []struct{ dir, usage, inactive string }{
		{filepath.Join(mount, group), "memory.current", "inactive_file"},
		{filepath.Join(mount, "memory", group), "memory.usage_in_bytes", "total_inactive_file"},
	} {
		usage, err := number(filepath.Join(v.dir, v.usage))
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(v.dir, "memory.stat"))
		if err != nil {
			continue
		}
		return max(usage-fields(string(text))[v.inactive], 0), true
	}
	return 0, false
}

// processes is how many more tasks the kernel would run.
func (p Places) processes() (eviction.Observation, bool) {
	limit, err := number(filepath.Join(p.Proc, "sys/kernel/pid_max"))
	if err != nil {
		return eviction.Observation{}, false
	}
	if threads, err := number(filepath.Join(p.Proc, "sys/kernel/threads-max")); err == nil {
		limit = min(limit, threads)
	}
	text, err := os.ReadFile(filepath.Join(p.Proc, "loadavg"))
	if err != nil {
		return eviction.Observation{}, false
	}
	parts := strings.Fields(string(text))
	if len(parts) < 4 {
		return eviction.Observation{}, false
	}
	_, all, _ := strings.Cut(parts[3], "/")
	running, err := strconv.ParseInt(all, 10, 64)
	return eviction.Observation{Available: limit - running, Capacity: limit}, err == nil
}

// podProcesses is how many tasks run in the pod's control group.
func (p Places) podProcesses(group string) int64 {
	for _, dir := range []string{filepath.Join(p.Cgroup, "pids"), p.Cgroup} {
		if n, err := number(filepath.Join(dir, group, "pids.current")); err == nil {
			return n
		}
	}
	return 0
}

func number(file string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// fields reads lines of a name and a number.
func fields(text string) map[string]int64 {
	out := map[string]int64{}
	for line := range strings.Lines(text) {
		if parts := strings.Fields(line); len(parts) >= 2 {
			if n, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
				out[parts[0]] = n
			}
		}
	}
	return out
}

// imagesPath asks the runtime where its images are.
func imagesPath(ctx context.Context, images Images) string {
	info, err := images.ImageFsInfo(ctx)
	if err != nil || len(info.GetImageFilesystems()) == 0 {
		return ""
	}
	return info.GetImageFilesystems()[0].GetFsId().GetMountpoint()
}
