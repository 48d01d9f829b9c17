package stats

import (
	"context"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
)

// defaultInterface is the one that a pod's, or node's, own numbers are of; the others are listed only.
const defaultInterface = "eth0"

// Summary measures everything and words it as GET /stats/summary does.
func (c *Collector) Summary(ctx context.Context) (*stats.Summary, error) {
	s, err := c.WithRates(ctx, Full)
	if err != nil {
		return nil, err
	}
	d, err := c.Disks(ctx)
	if err != nil {
		return nil, err
	}
	c.forget(s.Pods)
	out := c.cpuAndMemory(s)
	memory, _ := ReadMeminfo(c.Proc)
	n := &out.Node
	n.IO = ioStats(s.Node)
	n.Network = networkStats(s.At, Interfaces(c.Proc, 0))
	n.Fs = fsStats(d.At, d.Node, Occupied{Bytes: less(d.Node.Capacity, d.Node.Available), Inodes: less(d.Node.Inodes, d.Node.InodesFree)})
	n.Runtime = &stats.RuntimeStats{ImageFs: fsStats(d.ImagesUsed.At, d.Images, d.ImagesUsed), ContainerFs: fsStats(d.At, d.Layers, d.LayersUsed)}
	if limit, current, ok := pids(c.Proc); ok {
		n.Rlimit = &stats.RlimitStats{Time: at(s.At), MaxPID: &limit, NumOfRunningProcesses: &current}
	}
	n.Swap = &stats.SwapStats{Time: at(s.At), SwapUsageBytes: ptr.To(less(memory.SwapTotal, memory.SwapFree)), SwapAvailableBytes: &memory.SwapFree}
	for i := range s.Pods {
		c.addDisks(&out.Pods[i], &s.Pods[i], d)
	}
	return out, nil
}

// CPUAndMemory is Summary without what takes longer (?only_cpu_and_memory=true).
func (c *Collector) CPUAndMemory(ctx context.Context) (*stats.Summary, error) {
	s, err := c.WithRates(ctx, Full)
	if err != nil {
		return nil, err
	}
	return c.cpuAndMemory(s), nil
}

func (c *Collector) cpuAndMemory(s *Sample) *stats.Summary {
	out := &stats.Summary{Pods: []stats.PodStats{}, Node: stats.NodeStats{
		NodeName: c.NodeName, StartTime: at(c.began), CPU: cpuStats(s.Node), Memory: memoryStats(s.Node, c.Memory),
	}}
	for _, g := range s.Groups {
		if g.Path == cgroups.Root {
			out.Node.SystemContainers = append(out.Node.SystemContainers, stats.ContainerStats{
				Name: stats.SystemContainerPods, StartTime: at(c.began), CPU: cpuStats(g.Usage), Memory: memoryStats(g.Usage, c.Memory), Swap: swapStats(g.Usage),
			})
		}
	}
	if s.Own != nil {
		out.Node.SystemContainers = append(out.Node.SystemContainers, stats.ContainerStats{
			Name: stats.SystemContainerKubelet, StartTime: at(c.began), CPU: cpuStats(*s.Own), Memory: memoryStats(*s.Own, 0), Swap: swapStats(*s.Own),
		})
	}
	for i := range s.Pods {
		out.Pods = append(out.Pods, c.podStats(&s.Pods[i]))
	}
	return out
}

func (c *Collector) podStats(p *Pod) stats.PodStats {
	out := stats.PodStats{
		PodRef:    stats.PodReference{Name: p.Pod.Name, Namespace: p.Pod.Namespace, UID: string(p.Pod.UID)},
		StartTime: at(p.Created), Containers: []stats.ContainerStats{},
		CPU: cpuStats(p.Usage), Memory: memoryStats(p.Usage, uint64(c.Policy.Pod(p.Pod).Memory)), IO: ioStats(p.Usage), Swap: swapStats(p.Usage),
		Network: networkStats(p.Usage.At, p.Interfaces),
	}
	if p.Usage.Processes > 0 {
		out.ProcessStats = &stats.ProcessStats{ProcessCount: &p.Usage.Processes}
	}
	for _, k := range p.Containers {
		var limit uint64
		if k.Spec != nil {
			limit = uint64(k.Spec.Resources.Limits.Memory().Value())
		}
		out.Containers = append(out.Containers, stats.ContainerStats{
			Name: k.Name, StartTime: at(k.Created), CPU: cpuStats(k.Usage), Memory: memoryStats(k.Usage, limit), IO: ioStats(k.Usage), Swap: swapStats(k.Usage),
		})
	}
	return out
}

// addDisks adds what the pod has stored: its containers' layers and logs, and its volumes.
func (c *Collector) addDisks(out *stats.PodStats, p *Pod, d *Disks) {
	var sum Occupied
	count := func(o Occupied) {
		sum.Bytes += o.Bytes
		sum.Inodes += o.Inodes
	}
	logs := spec.LogDirectory(c.LogsDir, p.Pod.Namespace, p.Pod.Name, string(p.Pod.UID))
	for i, k := range p.Containers {
		if o, known := d.Written[k.ID]; known {
			out.Containers[i].Rootfs = fsStats(o.At, d.Layers, o)
			count(o)
		}
		if o, err := Tree(filepath.Join(logs, k.Name)); err == nil {
			out.Containers[i].Logs = fsStats(o.At, d.Node, o)
			count(o)
		}
	}
	for _, v := range c.Volumes(p.Pod.UID) {
		entry := stats.VolumeStats{Name: v.Name, FsStats: *fsStats(v.Used.At, v.Space, v.Used)}
		if v.BytesOnly {
			entry.Inodes, entry.InodesFree, entry.InodesUsed = nil, nil, nil
		}
		for i := range p.Pod.Spec.Volumes {
			spec := &p.Pod.Spec.Volumes[i]
			if claim := claimOf(p.Pod, spec); spec.Name == v.Name && claim != "" {
				entry.PVCRef = &stats.PVCReference{Name: claim, Namespace: p.Pod.Namespace}
			}
		}
		out.VolumeStats = append(out.VolumeStats, entry)
		if !v.Mounted && !v.Claimed {
			count(v.Used)
		}
	}
	out.EphemeralStorage = fsStats(d.At, d.Node, sum)
}

// Claims returns the volumes that a pod has by a claim, by the claim's name.
func (c *Collector) Claims(pod *v1.Pod) map[string]Volume {
	out := map[string]Volume{}
	for i := range pod.Spec.Volumes {
		claim := claimOf(pod, &pod.Spec.Volumes[i])
		if claim == "" {
			continue
		}
		for _, v := range c.Volumes(pod.UID) {
			if v.Name == pod.Spec.Volumes[i].Name {
				out[claim] = v
			}
		}
	}
	return out
}

// claimOf is the name of the volume's claim, empty if it is of another kind.
func claimOf(p *v1.Pod, v *v1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return p.Name + "-" + v.Name
	}
	return ""
}

func at(t time.Time) metav1.Time { return metav1.NewTime(t) }

func cpuStats(u Usage) *stats.CPUStats {
	out := &stats.CPUStats{Time: at(u.At), UsageNanoCores: u.CPU.Rate, UsageCoreNanoSeconds: ptr.To(u.CPU.Total)}
	if u.Pressure != nil {
		out.PSI = psiStats(u.Pressure.CPU)
	}
	return out
}

// memoryStats tells what is available only where there is a limit.
func memoryStats(u Usage, limit uint64) *stats.MemoryStats {
	m := u.Memory
	out := &stats.MemoryStats{
		Time: at(u.At), UsageBytes: &m.Usage, WorkingSetBytes: &m.WorkingSet, RSSBytes: &m.RSS, PageFaults: &m.Faults, MajorPageFaults: &m.MajorFaults,
	}
	if limit > 0 {
		out.AvailableBytes = ptr.To(less(limit, m.WorkingSet))
	}
	if u.Pressure != nil {
		out.PSI = psiStats(u.Pressure.Memory)
	}
	return out
}

func swapStats(u Usage) *stats.SwapStats {
	return &stats.SwapStats{Time: at(u.At), SwapUsageBytes: ptr.To(u.Memory.Swap)}
}

func ioStats(u Usage) *stats.IOStats {
	if u.Pressure == nil {
		return nil
	}
	return &stats.IOStats{Time: at(u.At), PSI: psiStats(u.Pressure.IO)}
}

func psiStats(p PSI) *stats.PSIStats {
	data := func(l PSILine) stats.PSIData {
		return stats.PSIData{Total: l.Total, Avg10: l.Avg10, Avg60: l.Avg60, Avg300: l.Avg300}
	}
	return &stats.PSIStats{Full: data(p.Full), Some: data(p.Some)}
}

func fsStats(t time.Time, s Space, o Occupied) *stats.FsStats {
	return &stats.FsStats{
		Time: at(t), AvailableBytes: &s.Available, CapacityBytes: &s.Capacity, UsedBytes: &o.Bytes,
		InodesFree: &s.InodesFree, Inodes: &s.Inodes, InodesUsed: &o.Inodes,
	}
}

func networkStats(t time.Time, list []Interface) *stats.NetworkStats {
	if len(list) == 0 {
		return nil
	}
	out := &stats.NetworkStats{Time: at(t)}
	for _, i := range list {
		one := stats.InterfaceStats{Name: i.Name, RxBytes: &i.RxBytes, RxErrors: &i.RxErrors, TxBytes: &i.TxBytes, TxErrors: &i.TxErrors}
		if i.Name == defaultInterface {
			out.InterfaceStats = one
		}
		out.Interfaces = append(out.Interfaces, one)
	}
	return out
}
